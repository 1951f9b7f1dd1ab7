package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

const kafkaVersion = "4.4.0"

type kafkaNode struct{}

func (kafkaNode) lines(s *server) []string {
	return []string{
		"REFLEX_TEST_KAFKA=" + local(s.Ports["plain"]),
		"REFLEX_TEST_KAFKA_SASL_SSL=" + local(s.Ports["sasl"]),
		"REFLEX_TEST_KAFKA_SSL=" + local(s.Ports["ssl"]),
	}
}

// unpack fetches the broker's jars with a logger, which its own list lacks.
func (kafkaNode) unpack(ctx context.Context, f *folders) (version, home string, err error) {
	version = or(os.Getenv("REFLEX_KAFKA_VERSION"), kafkaVersion)
	logger := artefact{"org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5", "jar"}
	if strings.HasPrefix(version, "3.") {
		logger = artefact{"org.slf4j", "slf4j-reload4j", "1.7.36", "jar"}
	}
	home, err = f.unpacked(ctx, "kafka-"+version, "copy-dependencies", []string{"-DincludeScope=runtime"},
		artefact{"org.apache.kafka", "kafka_2.13", version, "jar"}, logger)
	return version, home, err
}

func (kafkaNode) prepare(ctx context.Context, s *server) error {
	var err error
	if s.Ports, err = freePorts("plain", "controller", "sasl", "ssl"); err != nil {
		return err
	}
	files := map[string]string{
		"server.properties": kafkaProperties(s),
		"log4j2.properties": "rootLogger.level=info\nrootLogger.appenderRef.out.ref=out\nappender.out.type=Console\nappender.out.name=out\n" +
			"appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=[%d] %p %m (%c)%n\n",
		"log4j.properties": "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n" +
			"log4j.appender.out.layout=org.apache.log4j.PatternLayout\nlog4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	id := make([]byte, 16)
	rand.Read(id)
	format := javaArgs(s, "kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id),
		"-c", filepath.Join(s.dir, "server.properties"), "--standalone")
	for _, user := range []string{"alice", "bob"} {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			format = append(format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s-secret]", mechanism, user, user))
		}
	}
	return quietly(ctx, time.Minute, nil, format[0], format[1:]...)
}

func (kafkaNode) command(s *server) (args, env []string) {
	return javaArgs(s, "kafka.Kafka", filepath.Join(s.dir, "server.properties")), nil
}

func javaArgs(s *server, class string, args ...string) []string {
	return append([]string{filepath.Join(s.Java, "bin", "java"), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile=" + filepath.Join(s.dir, "log4j2.properties"),
		"-Dlog4j.configuration=file:" + filepath.Join(s.dir, "log4j.properties"),
		"-cp", filepath.Join(s.Home, "lib", "*"), class}, args...)
}

func kafkaProperties(s *server) string {
	logins := `user_alice="alice-secret" user_bob="bob-secret"`
	scram := "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	return fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:%[2]d
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d,SASL_SSL://127.0.0.1:%[3]d,SSL://127.0.0.1:%[4]d
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=%[5]s/data
auto.create.topics.enable=false
# one node
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# tests do not wait: no delay at the first join, short sessions, and a killed broker may come back after 2 s
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# who has no password may do anything here, so may alice and the client's certificate; bob needs ACLs
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:alice;User:CN=client
ssl.keystore.type=PEM
ssl.keystore.location=%[6]s/server.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=%[6]s/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=%[7]s
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=%[7]s
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required %[8]s;
`, s.Ports["plain"], s.Ports["controller"], s.Ports["sasl"], s.Ports["ssl"], s.dir, s.certs, scram, logins)
}

// answers asks for what tests need at once: a topic can be made and removed,
// and the coordinator of groups has loaded, whose first use takes seconds.
func (kafkaNode) answers(ctx context.Context, s *server) error {
	transport := &kafka.Transport{DialTimeout: time.Second}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(local(s.Ports["plain"])), Timeout: 5 * time.Second, Transport: transport}
	if err := dial(ctx, s.Ports["plain"]); err != nil { // cheaper than the client's own tries
		return err
	}
	topic := fmt.Sprintf("services-ready-%d", time.Now().UnixNano())
	made, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}})
	if err == nil {
		err = made.Errors[topic]
	}
	if err != nil {
		return fmt.Errorf("create a topic: %w", err)
	}
	gone, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err == nil {
		err = gone.Errors[topic]
	}
	if err != nil {
		return fmt.Errorf("delete a topic: %w", err)
	}
	fetched, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "services-ready", Topics: map[string][]int{topic: {0}}})
	if err == nil {
		err = fetched.Error
	}
	if err != nil {
		return fmt.Errorf("ask for a group's offsets: %w", err)
	}
	return nil
}

func dial(ctx context.Context, port int) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", local(port))
	if err != nil {
		return err
	}
	return conn.Close()
}

func or(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}

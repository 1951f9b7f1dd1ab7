package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"go.yaml.in/yaml/v3"
)

// operating gives the operator's page, whose least privileges are tried here.
func operating(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../connectors/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block gives the first code block of a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the operator's page has no block of %s", language)
	}
	return m[1]
}

func TestRoleOfThePageIsTheOneThatIsTried(t *testing.T) {
	var page map[string]any
	var tried map[string]map[string]any
	if err := json.Unmarshal([]byte(block(t, operating(t), "json")), &page); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(reflexRole), &tried); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(page, tried["reflex_writer"]) {
		t.Errorf("page %v\ntried %v", page, tried["reflex_writer"])
	}
}

// TestElasticRoleIsEnoughAndNoMore does as the page's role what `reflex run`
// does and what it must not do.
func TestElasticRoleIsEnoughAndNoMore(t *testing.T) {
	url, password := env(t, "REFLEX_TEST_ELASTIC_TLS"), env(t, "REFLEX_TEST_ELASTIC_PASSWORD")
	ca := trust(t, env(t, "REFLEX_TEST_CERTS"), "ca")
	space := fmt.Sprintf("role%d", time.Now().UnixNano())
	for _, template := range []string{
		`{"index_patterns":["logs-reflex.alerts-` + space + `"],"priority":400,"data_stream":{}}`,
		`{"index_patterns":["reflex-incidents-` + space + `"],"priority":400}`,
	} {
		name := fmt.Sprintf("%s/_index_template/%s-%t", url, space, strings.Contains(template, "data_stream"))
		if code, body := call(t, ca, "admin", password, "PUT", name, template); code != 200 {
			t.Fatalf("template: %d %s", code, body)
		}
	}
	stream, index := url+"/logs-reflex.alerts-"+space, url+"/reflex-incidents-"+space
	doc := `{"@timestamp":"2026-03-02T00:00:00Z","a":1}`
	rows := []struct {
		name, method, url, body string
		want                    int
	}{
		{"make the stream", "PUT", stream + "/_create/1", doc, 201},
		{"the same again", "PUT", stream + "/_create/1", doc, 409},
		{"make the index", "PUT", index + "/_doc/1?version=1&version_type=external_gte", doc, 201},
		{"newer", "PUT", index + "/_doc/1?version=3&version_type=external_gte", doc, 200},
		{"older", "PUT", index + "/_doc/1?version=2&version_type=external_gte", doc, 409},
		{"health", "GET", url + "/_cluster/health", "", 200},
		{"version", "GET", url + "/_nodes/_local?filter_path=nodes.*.version", "", 200},
		{"read alerts", "GET", stream + "/_search", "", 403},
		{"read incidents", "GET", index + "/_doc/1", "", 403},
		{"delete", "DELETE", index, "", 403},
		{"elsewhere", "PUT", url + "/other-" + space + "/_create/1", doc, 403},
		{"templates", "PUT", url + "/_index_template/x", `{"index_patterns":["x-*"]}`, 403},
		{"users", "GET", url + "/_security/user", "", 403},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if code, body := call(t, ca, "reflex", password, r.method, r.url, r.body); code != r.want {
				t.Errorf("got %d %s, want %d", code, body, r.want)
			}
		})
	}
}

// TestKafkaACLsAreEnoughAndNoMore gives bob what the page's commands give and
// does what `reflex run` does.
func TestKafkaACLsAreEnoughAndNoMore(t *testing.T) {
	broker, secured := env(t, "REFLEX_TEST_KAFKA"), env(t, "REFLEX_TEST_KAFKA_SASL_SSL")
	run := fmt.Sprint(time.Now().UnixNano())
	in, out, group, other := "acl-in-"+run, "acl-out-"+run, "acl-group-"+run, "acl-other-"+run
	for _, topic := range []string{in, out, other} {
		createTopic(t, broker, topic)
	}
	acls := pageACLs(t, strings.NewReplacer("$TOPIC", in, "reflex.dead-letter", out, "--group reflex", "--group "+group))
	admin := &kafka.Client{Addr: kafka.TCP(broker), Timeout: 10 * time.Second}
	made, err := admin.CreateACLs(t.Context(), &kafka.CreateACLsRequest{ACLs: acls})
	if err == nil {
		err = errors.Join(made.Errors...)
	}
	if err != nil {
		t.Fatal(err)
	}
	bob := &kafka.Client{Addr: kafka.TCP(secured), Timeout: 10 * time.Second, Transport: &kafka.Transport{
		TLS: trust(t, env(t, "REFLEX_TEST_CERTS"), "ca"), SASL: plain.Mechanism{Username: "bob", Password: "bob-secret"},
	}}

	t.Run("read", func(t *testing.T) { wantKafka(t, nil, fetch(bob, in)) })
	t.Run("write dead letters", func(t *testing.T) { wantKafka(t, nil, produce(bob, out)) })
	t.Run("commit", func(t *testing.T) { wantKafka(t, nil, commit(bob, group, in)) })
	t.Run("settings", func(t *testing.T) { wantKafka(t, nil, settings(bob, in)) })
	t.Run("write input", func(t *testing.T) { wantKafka(t, kafka.TopicAuthorizationFailed, produce(bob, in)) })
	t.Run("read dead letters", func(t *testing.T) { wantKafka(t, kafka.TopicAuthorizationFailed, fetch(bob, out)) })
	t.Run("settings of others", func(t *testing.T) { wantKafka(t, kafka.TopicAuthorizationFailed, settings(bob, other)) })
	t.Run("another group", func(t *testing.T) { wantKafka(t, kafka.GroupAuthorizationFailed, commit(bob, group+"x", in)) })
}

// pageACLs reads the page's kafka-acls.sh commands.
func pageACLs(t *testing.T, names *strings.Replacer) (acls []kafka.ACLEntry) {
	t.Helper()
	operations := map[string]kafka.ACLOperationType{"Read": kafka.ACLOperationTypeRead, "Write": kafka.ACLOperationTypeWrite,
		"Describe": kafka.ACLOperationTypeDescribe, "DescribeConfigs": kafka.ACLOperationTypeDescribeConfigs}
	page := operating(t)
	commands := block(t, page[strings.Index(page, "## Least privileges"):], "sh")
	for line := range strings.Lines(names.Replace(commands)) {
		kind, name := kafka.ResourceTypeTopic, regexp.MustCompile(`--topic (\S+)`).FindStringSubmatch(line)
		if name == nil {
			kind, name = kafka.ResourceTypeGroup, regexp.MustCompile(`--group (\S+)`).FindStringSubmatch(line)
		}
		for _, op := range regexp.MustCompile(`--operation (\w+)`).FindAllStringSubmatch(line, -1) {
			if name == nil || operations[op[1]] == 0 {
				t.Fatalf("not understood: %s", line)
			}
			acls = append(acls, kafka.ACLEntry{ResourceType: kind, ResourceName: name[1], ResourcePatternType: kafka.PatternTypeLiteral,
				Principal: "User:bob", Host: "*", Operation: operations[op[1]], PermissionType: kafka.ACLPermissionTypeAllow})
		}
	}
	return acls
}

// wantKafka waits out the moments in which a broker has not yet heard of a new topic or ACL.
func wantKafka(t *testing.T, want error, does func(context.Context) error) {
	t.Helper()
	try(t, func(ctx context.Context) error {
		if err := does(ctx); !errors.Is(err, want) {
			return fmt.Errorf("got %v, want %v", err, want)
		}
		return nil
	})
}

func fetch(c *kafka.Client, topic string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := c.Fetch(ctx, &kafka.FetchRequest{Topic: topic, MinBytes: 1, MaxBytes: 1 << 10, MaxWait: 10 * time.Millisecond})
		return either(err, func() error { return r.Error })
	}
}

func produce(c *kafka.Client, topic string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := c.Produce(ctx, &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("x"))})})
		return either(err, func() error { return r.Error })
	}
}

func commit(c *kafka.Client, group, topic string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := c.OffsetCommit(ctx, &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: 0}}}})
		return either(err, func() error { return r.Topics[topic][0].Error })
	}
}

func settings(c *kafka.Client, topic string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := c.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"cleanup.policy"}}}})
		return either(err, func() error { return r.Resources[0].Error })
	}
}

func either(err error, inside func() error) error {
	if err != nil {
		return err
	}
	return inside()
}

package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	elasticVersion  = "8.19.21"
	elasticPassword = "elastic-secret"
)

// elasticNode is the stock server with the modules that are published: TLS,
// users, roles, data streams and templates, but no lifecycle policies.
type elasticNode struct{ secured bool }

func (n elasticNode) lines(s *server) []string {
	if n.secured {
		return []string{"REFLEX_TEST_ELASTIC_TLS=" + n.url(s), "REFLEX_TEST_ELASTIC_PASSWORD=" + elasticPassword}
	}
	return []string{"REFLEX_TEST_ELASTIC=" + n.url(s)}
}

func (n elasticNode) url(s *server) string {
	scheme := "http"
	if n.secured {
		scheme = "https"
	}
	return scheme + "://" + local(s.Ports["http"])
}

func (n elasticNode) unpack(ctx context.Context, f *folders) (version, home string, err error) {
	version = or(os.Getenv("REFLEX_ELASTIC_VERSION"), elasticVersion)
	home, err = f.unpacked(ctx, "elasticsearch-"+version, "unpack-dependencies", []string{"-DincludeTypes=zip"},
		artefact{"org.elasticsearch.distribution.integ-test-zip", "elasticsearch", version, "zip"})
	return version, filepath.Join(home, "lib", "elasticsearch-"+version), err
}

func (n elasticNode) prepare(_ context.Context, s *server) error {
	var err error
	if s.Ports, err = freePorts("http", "transport"); err != nil {
		return err
	}
	for _, dir := range []string{"config/jvm.options.d", "config/certs", "data", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			return err
		}
	}
	secret, err := hashed(elasticPassword)
	if err != nil {
		return err
	}
	files := map[string]string{
		"elasticsearch.yml": n.yml(s),
		"jvm.options": "-Xms512m\n-Xmx512m\n-XX:+UseSerialGC\n-XX:TieredStopAtLevel=1\n-XX:-AlwaysPreTouch\n-Djava.io.tmpdir=" +
			filepath.Join(s.dir, "tmp") + "\n",
		"log4j2.properties": "rootLogger.level=info\nrootLogger.appenderRef.out.ref=out\nappender.out.type=Console\nappender.out.name=out\n" +
			"appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=[%d] %p %c{1} %m%n\n",
		"users":            "admin:" + secret + "\nreflex:" + secret + "\n",
		"users_roles":      "superuser:admin\nreflex_writer:reflex\n",
		"roles.yml":        reflexRole,
		"role_mapping.yml": "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, "config", name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"server.pem", "server.key", "ca.pem"} {
		b, err := os.ReadFile(filepath.Join(s.certs, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.dir, "config/certs", name), b, 0o600); err != nil {
			return err
		}
	}
	return s.give()
}

// give makes the server's folder its own when another user runs it.
func (s *server) give() error {
	as := s.as()
	if as == nil {
		return nil
	}
	return filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(as.Uid), int(as.Gid))
	})
}

func (n elasticNode) yml(s *server) string {
	text := fmt.Sprintf(`cluster.name: reflex-test
node.name: %[1]s
discovery.type: single-node
network.host: 127.0.0.1
http.port: %[2]d
transport.port: %[3]d
path.data: '%[4]s/data'
path.logs: '%[4]s/logs'
cluster.routing.allocation.disk.threshold_enabled: false
xpack.security.enabled: %[5]t
`, s.Name, s.Ports["http"], s.Ports["transport"], s.dir, n.secured)
	if !n.secured {
		return text
	}
	return text + `xpack.security.autoconfiguration.enabled: false
xpack.security.http.ssl.enabled: true
xpack.security.http.ssl.certificate: certs/server.pem
xpack.security.http.ssl.key: certs/server.key
xpack.security.http.ssl.certificate_authorities: [certs/ca.pem]
http.max_content_length: 1mb
`
}

func (elasticNode) command(s *server) (args, env []string) {
	config, tmp := filepath.Join(s.dir, "config"), filepath.Join(s.dir, "tmp")
	return []string{filepath.Join(s.Home, "bin", "elasticsearch")},
		[]string{"ES_PATH_CONF=" + config, "ES_TMPDIR=" + tmp, "ES_JAVA_HOME=" + s.Java, "ES_JAVA_OPTS=", "CLI_JAVA_OPTS=-XX:TieredStopAtLevel=1"}
}

func (n elasticNode) answers(ctx context.Context, s *server) error {
	client, err := n.client(s)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url(s)+"/_cluster/health?wait_for_status=yellow&timeout=5s", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth("admin", elasticPassword)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("cluster health: %s: %s", resp.Status, body)
	}
	return nil
}

func (n elasticNode) client(s *server) (*http.Client, error) {
	pem, err := os.ReadFile(filepath.Join(s.certs, "ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: 10 * time.Second}, nil
}

// hashed gives a password as Elasticsearch's users file takes it.
func hashed(password string) (string, error) {
	const rounds = 1000 // the least it takes
	salt := make([]byte, 32)
	rand.Read(salt)
	key, err := pbkdf2.Key(sha512.New, password, salt, rounds, 32)
	if err != nil {
		return "", err
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("{PBKDF2}%d$%s$%s", rounds, b64(salt), b64(key)), nil
}

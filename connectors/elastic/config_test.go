package elastic

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestValidateGivesEveryMistake(t *testing.T) {
	bad := Config{
		URLs:   []string{"elastic.example:9200", "https://writer:example-password@elastic.example", "https://elastic.example/?x=1"},
		APIKey: "key\n", User: "writer", Cert: "c.pem", Namespace: "Prod-EU", BatchBytes: 1, Timeout: -time.Second, Retention: "forever",
	}
	err := bad.Validate()
	for _, want := range []string{"urls[0]", "urls[1]: holds a user", "urls[2]: holds a ?", "not both", "a line break", "user, password: one", "cert, key: one",
		`namespace: "Prod-EU"`, "batch_bytes: 1", "timeout: -1s", `retention: "forever"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word about %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "example-password") {
		t.Errorf("the password is in the text: %v", err)
	}
	if err := (Config{}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "urls: name at least one") {
		t.Errorf("no urls: %v", err)
	}
	good := Config{URLs: []string{"https://elastic.example:9200/es", "http://[2001:db8::1]:9200"}, User: "writer", Password: "example-password", Namespace: "prod", Retention: "36h"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	if text := fmt.Sprintf("%+v %#v", good, good); strings.Contains(text, "example-password") {
		t.Errorf("printed: %s", text)
	}
}

func TestNewNamesTheFileThatIsWrong(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for says, c := range map[string]Config{
		"ca: open":                    {CA: filepath.Join(t.TempDir(), "absent.pem")},
		"holds no PEM certificate":    {CA: empty},
		"cert, key: ":                 {Cert: empty, Key: empty},
		"namespace: \"no good name\"": {Namespace: "no good name"},
	} {
		c.URLs = []string{"https://elastic.example"}
		if _, err := New(c, Options{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
}

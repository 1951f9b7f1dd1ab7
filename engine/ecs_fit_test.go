package engine

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDocumentInECSHasTheMappingsShape(t *testing.T) {
	for document, want := range map[string]string{
		`{"cloud":"aws","host":[1,{"name":"a"}],"container":true}`:                        `{"host":[{"name":"a"}]}`,
		`{"source":{"ip":{"a":1},"port":[{"x":1},80],"geo":"nowhere","as":null}}`:         `{"source":{"as":null,"port":[80]}}`,
		`{"source":{"":1," ":2,"a..b":3,"more":{"":4,"x":[1,"y",{"z":[]}]}}}`:             `{"source":{"more":{"x":[1,"y"]}}}`,
		`{"user":{"name":["a",null,1.50]},"related":{"ip":{},"user":"u"},"source":null}`:  `{"related":{"user":"u"},"user":{"name":["a",null,1.50]}}`,
		`{"network":{"bytes":12345678901234567890},"gen_ai":{"usage":{"cost":1e999}}}`:    `{"network":{"bytes":12345678901234567890}}`,
		`{"nobody":{"asked":1},"event":{"id":"x"},"message":"m","user":{"na\u0000me":1}}`: "{\"user\":{\"na\uFFFDme\":1}}",
	} {
		al := Alert{Level: High, Document: json.RawMessage(document)}
		doc := al.ECS()
		got := object{}
		for _, root := range AlertRoots() {
			if v, ok := doc[root]; ok {
				got[root] = v
			}
		}
		if b, err := json.Marshal(got); err != nil || string(b) != want {
			t.Errorf("%s\n gives %s %v\n not   %s", document, b, err, want)
		}
	}
}

func TestDocumentInECSKeepsAllAndMendsKeys(t *testing.T) {
	long := strings.Repeat("é", 300)
	al := Alert{Level: High, Document: json.RawMessage(`{"cloud":"aws","":1,"` + long + `a":{"n\u0000l":2},"` + long + `b":[{"..":3,"n":-1e999}]}`)}
	doc := al.ECS()["reflex"].(object)["document"].(object)
	b, err := json.Marshal(doc)
	if err != nil || len(doc) != 4 || doc["cloud"] != "aws" || !strings.Contains(string(b), "\"n\uFFFDl\":2") || !strings.Contains(string(b), `[{"..":3,"n":"-1e999"}]`) {
		t.Fatalf("%s %v", b, err)
	}
	for k := range doc {
		if len(k) > keyBytes || !utf8.ValidString(k) {
			t.Errorf("key of %d bytes: %q", len(k), k)
		}
	}
}

func TestLongTextInECSStandsWholeOnce(t *testing.T) {
	long := strings.Repeat("é", 1<<16)
	al := Alert{Level: High, Document: json.RawMessage(`{"process":{"command_line":"` + long + `","args":["` + long + `","x"]}}`)}
	doc := al.ECS()
	at := doc["process"].(object)
	line := at["command_line"].(string)
	if len(line) > rootBytes || len(line) < rootBytes-8 || !utf8.ValidString(line) || !strings.HasSuffix(line, "é…") || len(at["args"].([]any)[0].(string)) > rootBytes {
		t.Errorf("%d bytes at the root, the end is %q", len(line), line[len(line)-8:])
	}
	if got := doc["reflex"].(object)["document"].(object)["process"].(object)["command_line"]; got != long {
		t.Error("reflex.document has not all of it")
	}
}

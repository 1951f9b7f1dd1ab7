package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-843b225c/reflex/engine/secret"
)

func TestMain(m *testing.M) {
	if os.Getenv("REFLEX_TEST_AS_MAIN") != "" { // the crash test's process
		os.Exit(process())
	}
	testscript.Main(m, map[string]func(){
		"reflex": func() { os.Exit(process()) },
	})
}

// TestScripts plays the command-line stories in testdata/script: one file a
// behaviour, output compared whole.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: scriptCmds, Condition: scriptCondition,
		Setup: func(env *testscript.Env) error {
			return os.WriteFile(filepath.Join(env.WorkDir, "trail.yml"), []byte(trailRule), 0o644)
		}})
}

// fake puts a made-up secret in the place of the word PLACEHOLDER: fake FORMAT FILE.
// So no script holds a whole token.
func fake(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[1])
	text := strings.ReplaceAll(ts.ReadFile(path), "PLACEHOLDER", secret.Fake(args[0], 1))
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
}

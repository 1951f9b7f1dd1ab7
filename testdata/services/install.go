package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// dependencyPlugin is pinned: the one that Maven 3.8 would take is too old.
const dependencyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:"

type artefact struct{ Group, Name, Version, Type string }

// unpacked gives the folder of a server, which Maven fills when it is missing.
// It is filled beside and renamed, so a half-filled one is never taken.
func (f *folders) unpacked(ctx context.Context, name, goal string, options []string, artefacts ...artefact) (string, error) {
	home := filepath.Join(f.root, name)
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	lock, err := lockFile(ctx, filepath.Join(f.root, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(home); err == nil { // another call was first
		return home, nil
	}
	if err := need(ctx, "mvn", "maven"); err != nil {
		return "", err
	}
	half := home + ".part"
	if err := os.RemoveAll(half); err != nil { // of a call that was killed
		return "", err
	}
	if err := os.MkdirAll(half, 0o755); err != nil {
		return "", err
	}
	pom := filepath.Join(half, "pom.xml")
	if err := os.WriteFile(pom, pomOf(artefacts), 0o644); err != nil {
		return "", err
	}
	say("%s: fetching with Maven", name)
	began := time.Now()
	// A repository of its own is under this lock, and there for users without a home.
	args := append([]string{"-B", "-ntp", "-q", "-Dstyle.color=never", "-Dmaven.repo.local=" + filepath.Join(f.root, "m2"), "-f", pom, dependencyPlugin + goal,
		"-DoutputDirectory=" + filepath.Join(half, "lib"), "-DmarkersDirectory=" + filepath.Join(half, "markers")}, options...)
	if err := quietly(ctx, 10*time.Minute, lock, "mvn", args...); err != nil {
		return "", fmt.Errorf("%s: fetch: %w", name, err)
	}
	if err := readable(half); err != nil {
		return "", err
	}
	if err := os.Rename(half, home); err != nil {
		return "", err
	}
	say("%s: fetched in %s", name, since(began))
	return home, nil
}

func pomOf(artefacts []artefact) []byte {
	var b strings.Builder
	b.WriteString(`<project><modelVersion>4.0.0</modelVersion><groupId>services</groupId><artifactId>services</artifactId>` +
		`<version>1</version><packaging>pom</packaging><dependencies>`)
	for _, a := range artefacts {
		fmt.Fprintf(&b, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version><type>%s</type></dependency>",
			a.Group, a.Name, a.Version, a.Type)
	}
	b.WriteString("</dependencies></project>\n")
	return []byte(b.String())
}

// readable lets other users read a tree, and run what lies in a bin folder.
func readable(tree string) error {
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || filepath.Base(filepath.Dir(path)) == "bin" {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}

// need installs the first of some Debian packages that there is when a command is missing.
func need(ctx context.Context, command string, packages ...string) error {
	if _, err := exec.LookPath(command); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("%s is missing: install Java 17 or newer and Maven first", command)
	}
	say("%s is missing: installing it with apt-get", command)
	if err := quietly(ctx, 5*time.Minute, nil, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	var err error
	for _, name := range packages {
		if err = quietly(ctx, 10*time.Minute, nil, "apt-get", "install", "-y", "-qq", "--no-install-recommends", name); err == nil {
			return nil
		}
	}
	return err
}

// javaHome gives the folder of the Java that runs the servers.
func javaHome(ctx context.Context) (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return home, nil
	}
	if err := need(ctx, "java", "openjdk-17-jdk-headless", "openjdk-21-jdk-headless", "default-jdk-headless"); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "java", "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask java for its home: %w\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "java.home" {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("java does not say where its home is: set JAVA_HOME")
}

// quietly runs a command and shows what it said only when it fails. The command
// holds the lock too, so that it is not set free while an orphan goes on.
func quietly(ctx context.Context, limit time.Duration, lock *os.File, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.WaitDelay = time.Second
	if lock != nil {
		cmd.ExtraFiles = []*os.File{lock}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, tail(string(out), 30))
	}
	return nil
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }

// tail gives the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

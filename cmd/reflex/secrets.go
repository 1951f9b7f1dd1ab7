package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/secret"
)

func (a *app) secrets() *cobra.Command {
	c := &cobra.Command{Use: "secrets", Short: "Find secrets in files, without ever printing one"}
	var asJSON bool
	scan := &cobra.Command{
		Use:   "scan [flags] FILE|FOLDER|- ...",
		Short: "List the secrets in files: kind, provider, hint, fingerprint, place",
		Long: "Finds provider tokens, cloud keys, private keys, JWTs and connection strings, also base64 (twice),\n" +
			"percent or JSON encoded. Masked values and documentation samples stay quiet. Values are never printed.\n" +
			"Folders are read with their hidden files (.env), but without .git. Columns count bytes from 1.\n\n" +
			"Exit codes: 0 nothing found; 1 a file could not be read; 2 usage; 3 secrets were found.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("name the files to scan\nsee: reflex secrets scan --help")
			}
			return a.scan(args, asJSON)
		},
	}
	scan.Flags().BoolVar(&asJSON, "json", false, "one JSON object a finding")
	c.AddCommand(scan)
	return c
}

// found is one secret in a file. Line and column count from 1, columns in bytes.
type found struct {
	File        string `json:"file"`
	Line        int64  `json:"line"`
	Column      int    `json:"column"`
	Kind        string `json:"kind"`
	Format      string `json:"format"`
	Provider    string `json:"provider"`
	Hint        string `json:"hint"`
	Fingerprint string `json:"fingerprint"`
	Principal   string `json:"principal,omitempty"`
	Encoding    string `json:"encoding,omitempty"`
}

func (a *app) scan(paths []string, asJSON bool) error {
	ins, errs := file.ExpandHidden(paths)
	read := len(ins)
	scanner := secret.New(secret.Options{Key: environmentKey()})
	a.noteFingerprints()
	rows := [][]string{{"place", "kind", "provider", "hint", "fingerprint", "encoding"}}
	count := 0
	for _, in := range ins {
		err := a.scanFile(in, scanner, func(f found) {
			count++
			if asJSON {
				line(a.out, f)
				return
			}
			rows = append(rows, []string{fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column), f.Kind, f.Provider, plain(f.Hint), f.Fingerprint, f.Encoding})
		})
		if err != nil {
			errs = append(errs, err)
			read--
		}
	}
	if !asJSON {
		if count > 0 {
			a.out.table("", rows)
		}
		fmt.Fprintf(a.out, "%s in %s\n", plural(count, "secret"), plural(read, "file"))
	}
	for _, err := range errs {
		fmt.Fprintf(a.err, "reflex: %v\n", err)
	}
	switch {
	case len(errs) > 0:
		return exitError{exitPartial, nil}
	case count > 0:
		return exitError{exitAlert, nil}
	}
	return nil
}

// window is how much text is looked at once. Neighbouring windows overlap by
// carry bytes, so that a secret of many lines is not torn.
const (
	window = 256 << 10
	carry  = 16 << 10
)

func (a *app) scanFile(in file.Input, s *secret.Scanner, report func(found)) error {
	var stream pipeline.Stream
	var err error
	if stream, err = (input{in, a}).Open(); err != nil {
		return err
	}
	defer stream.Close()
	scan := s.NewScan()
	buf := make([]byte, window+file.Spare)
	var text []byte
	number, column := int64(1), 1 // where text[0] stands
	reported := 0                 // findings before this offset of text were reported already
	var broke error
	for {
		rec, err := stream.Next(buf)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			broke = err
		}
		text = append(text, rec.Data...)
		keep := len(text)
		if !rec.Last {
			keep = max(0, len(text)-carry)
			if nl := bytes.LastIndexByte(text[:keep], '\n'); nl >= 0 {
				keep = nl + 1
			}
		}
		for _, f := range scan.Find(text) {
			if f.Start < reported || f.Start >= keep {
				continue
			}
			line, col := moved(number, column, text[:f.Start])
			report(found{in.Path, line, col, f.Kind, f.Format, f.Provider, f.Hint, f.Fingerprint, f.Principal, f.Encoding})
			reported = max(reported, f.End)
		}
		number, column = moved(number, column, text[:keep])
		text = append(text[:0], text[keep:]...)
		reported = max(0, reported-keep)
	}
	return broke
}

// moved gives the place behind a text that begins at line and column.
func moved(line int64, column int, text []byte) (int64, int) {
	nl := bytes.LastIndexByte(text, '\n')
	if nl < 0 {
		return line, column + len(text)
	}
	return line + int64(bytes.Count(text, []byte("\n"))), len(text) - nl
}

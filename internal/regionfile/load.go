package regionfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileSize is the maximum size of a region file, in bytes. Real files have a few KiB.
const maxFileSize = 1 << 20

// Load reads one region file and decodes it strictly. It fills in no defaults and checks no rules: Default and Validate do
// that. The error contains all problems of the file (see Problems).
func Load(path string) (*Config, error) {
	c, ps := loadPartly(path)
	if err := ps.toError(); err != nil {
		return nil, err
	}
	return c, nil
}

// Parse decodes the text of a region file as Load does. The parameter file is the name in problems, and the config's name
// comes from it.
func Parse(file string, data []byte) (*Config, error) {
	c, ps := parsePartly(file, data)
	if err := ps.toError(); err != nil {
		return nil, err
	}
	return c, nil
}

// loadPartly returns everything that it could decode, together with the problems. Rules can then check the other values of a
// file with a mistyped key. The config is nil when the file contains no mapping at all.
func loadPartly(path string) (*Config, problems) {
	data, wrong, want := readFile(path)
	if wrong != "" {
		return nil, problems{{File: path, Wrong: wrong, Want: want}}
	}
	return parsePartly(path, data)
}

// readFile returns the bytes of a region file, or what is wrong with it and what to do. It calls Stat first, because opening
// a pipe would block and a device may be endless.
func readFile(path string) (data []byte, wrong, want string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "no such file", "the path of a region file, for example regions/us-west-1.yaml"
	case err != nil:
		return nil, "cannot be read: " + describeFileError(err), "a file that this user can read"
	case info.IsDir():
		return nil, "is a directory", "a region file in it, for example " + filepath.Join(path, "us-west-1.yaml")
	case !info.Mode().IsRegular():
		return nil, "is not a regular file", "a region file, for example regions/us-west-1.yaml"
	case info.Size() > maxFileSize:
		return nil, tooLarge, smallFile
	}
	if data, err = os.ReadFile(path); err != nil {
		return nil, "cannot be read: " + describeFileError(err), "a file that this user can read"
	}
	return data, "", ""
}

const tooLarge, smallFile = "is larger than 1 MiB", "a region file of a few KiB"

// describeFileError removes the path from an error of the file system. The problem names the file already.
func describeFileError(err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

func parsePartly(file string, data []byte) (*Config, problems) {
	name, ps := deriveName(file)
	root, p := parseDocument(file, data)
	if p != nil {
		return nil, append(ps, *p)
	}
	d := decoder{
		sourceMap: sourceMap{file: file, lines: map[keyPath]int{"": root.Line}, broken: map[keyPath]bool{}},
		problems:  ps,
	}
	c := &Config{Name: name}
	d.decodeValue(root, reflect.ValueOf(c).Elem(), "", limits{})
	c.source = d.sourceMap
	return c, d.problems
}

var namePattern = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)

// deriveName returns the stack's name: the file's name without its extension.
func deriveName(file string) (string, problems) {
	base := filepath.Base(file)
	name := strings.TrimSuffix(base, filepath.Ext(base))
	if namePattern.MatchString(name) {
		return name, nil
	}
	return name, problems{{
		File: file, Wrong: "the file's name is the stack's name, and " + quoteValue(name) + " is not valid",
		Want: "1 to 32 lower-case letters, digits and hyphens that start with a letter, for example us-west-1.yaml",
	}}
}

// parseDocument returns the root node of the only document of a file.
func parseDocument(file string, data []byte) (*yaml.Node, *Problem) {
	fault := func(line int, wrong, want string) (*yaml.Node, *Problem) {
		return nil, &Problem{File: file, Line: line, Wrong: wrong, Want: want}
	}
	if len(data) > maxFileSize {
		return fault(0, tooLarge, smallFile)
	}
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && isEmptyDocument(&doc) {
		return fault(0, "is empty", "at least the sections aws and network; docs/region-file.md has an example")
	}
	if err != nil {
		line, wrong := splitYAMLError(err)
		return fault(line, "is not YAML: "+wrong, "valid YAML: check this line and the line above it")
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return fault(second.Line, "contains a second YAML document", "one region in one file: move the part after --- to its own file")
	}
	return doc.Content[0], nil
}

// isEmptyDocument reports whether a document contains only comments, or null.
func isEmptyDocument(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null"
}

var (
	yamlErrorPattern = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
	// parserErrorPattern matches the errors of the library's parser. All other errors come from its scanner.
	parserErrorPattern = regexp.MustCompile(`^did not find expected (key|node content|'|<)|^found (duplicate|incompatible|undefined)`)
)

// splitYAMLError splits an error of the YAML library into the line (0 when the error has none) and the words, on one line.
//
// The library counts lines from 0 when its parser fails and from 1 when its scanner fails (yaml.v3, parser.fail).
// splitYAMLError always counts from 1.
func splitYAMLError(err error) (line int, words string) {
	words = strings.Join(strings.Fields(err.Error()), " ")
	m := yamlErrorPattern.FindStringSubmatch(words)
	if m == nil {
		return 0, words
	}
	line, noLine := strconv.Atoi(m[1])
	if noLine == nil && parserErrorPattern.MatchString(m[2]) {
		line++
	}
	return line, m[2]
}

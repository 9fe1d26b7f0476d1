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

// maxFileSize bounds the size of a region file, in bytes. Real ones have a few KiB.
const maxFileSize = 1 << 20

// Load reads one region file and decodes it strictly. The error is nil or holds a Problem for everything that does not
// fit, see Problems. Nothing is filled in and no meaning is judged: Default and Validate do that.
func Load(path string) (*Config, error) {
	c, ps := loadPartly(path)
	if err := ps.toError(); err != nil {
		return nil, err
	}
	return c, nil
}

// Parse decodes the text of a region file as Load does; file names it in problems and gives the config its name.
func Parse(file string, data []byte) (*Config, error) {
	c, ps := parsePartly(file, data)
	if err := ps.toError(); err != nil {
		return nil, err
	}
	return c, nil
}

// loadPartly gives what could be decoded together with the problems, so that a file with a mistyped key still has its other
// values judged. The config is nil when there is nothing to judge.
func loadPartly(path string) (*Config, problems) {
	data, wrong, want := readFile(path)
	if wrong != "" {
		return nil, problems{{File: path, Wrong: wrong, Want: want}}
	}
	return parsePartly(path, data)
}

// readFile gives the bytes of a region file, or what is wrong with it and what to do. Stat comes first: opening a pipe would
// wait for ever, and a device may have no end.
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

// describeFileError strips the path from an error of the file system: the problem names the file already.
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

// deriveName gives the stack's name: the file's name without its ending.
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

// parseDocument gives the root of the one document of a file.
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

// isEmptyDocument says whether a document holds nothing: only comments, or a lone null.
func isEmptyDocument(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null"
}

var (
	yamlErrorPattern = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
	// parserErrorPattern are those of the library's parser, as against its scanner's.
	parserErrorPattern = regexp.MustCompile(`^did not find expected (key|node content|'|<)|^found (duplicate|incompatible|undefined)`)
)

// splitYAMLError takes an error of the YAML library apart: the line (0 when it names none) and the words, on one line.
//
// The library counts lines from 0 when its parser fails and from 1 when its scanner does (yaml.v3, parser.fail); here they
// all count from 1.
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

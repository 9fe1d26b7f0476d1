package aws

import (
	"fmt"
	"strings"
	"unicode"
)

// parseRule reads the rule of a composite alarm and returns the alarms that it names:
//
//	ALARM("a") AND (OK(b) OR NOT INSUFFICIENT_DATA(arn:aws:cloudwatch:…:alarm:c)) OR TRUE
func parseRule(rule string) ([]string, error) {
	if len(rule) == 0 || len(rule) > 10240 {
		return nil, fmt.Errorf("must have 1 to 10240 characters, has %d", len(rule))
	}
	p := &ruleParser{rest: rule}
	if err := p.expression(0); err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("%q is unexpected at the end", p.rest)
	}
	return p.names, nil
}

type ruleParser struct {
	rest  string
	names []string
}

func (p *ruleParser) space() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

// word consumes and returns the next keyword, empty when none follows.
func (p *ruleParser) word() string {
	p.space()
	end := strings.IndexFunc(p.rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) })
	if end < 0 {
		end = len(p.rest)
	}
	w := p.rest[:end]
	p.rest = p.rest[end:]
	return w
}

// take consumes a character if it comes next.
func (p *ruleParser) take(c string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, c)
	p.rest = rest
	return ok
}

// expression reads terms joined by AND and OR. It accepts a hundred nested brackets.
func (p *ruleParser) expression(depth int) error {
	if depth > 100 {
		return fmt.Errorf("too many brackets")
	}
	for {
		if err := p.term(depth); err != nil {
			return err
		}
		before := p.rest
		if w := p.word(); w != "AND" && w != "OR" {
			p.rest = before
			return nil
		}
	}
}

func (p *ruleParser) term(depth int) error {
	if p.take("(") {
		if err := p.expression(depth + 1); err != nil {
			return err
		}
		if !p.take(")") {
			return fmt.Errorf("a closing bracket is missing at %q", p.rest)
		}
		return nil
	}
	at := p.rest
	switch w := p.word(); w {
	case "NOT":
		return p.term(depth + 1)
	case "TRUE", "FALSE":
		return nil
	case "ALARM", "OK", "INSUFFICIENT_DATA":
		return p.name()
	}
	return fmt.Errorf("want ALARM, OK, INSUFFICIENT_DATA, NOT, TRUE, FALSE or a bracket at %q", at)
}

// name reads an alarm in brackets: its name, bare or in quotes, or its ARN.
func (p *ruleParser) name() error {
	if !p.take("(") {
		return fmt.Errorf("an opening bracket is missing at %q", p.rest)
	}
	end := ")"
	if p.take(`"`) {
		end = `"`
	}
	name, rest, ok := strings.Cut(p.rest, end)
	if p.rest = rest; !ok || strings.TrimSpace(name) == "" {
		return fmt.Errorf("the name of an alarm is missing or does not end at %q", name)
	}
	if end == `"` && !p.take(")") {
		return fmt.Errorf("a closing bracket is missing at %q", p.rest)
	}
	if _, after, isARN := strings.Cut(name, ":alarm:"); isARN && strings.HasPrefix(name, "arn:") {
		name = after
	}
	p.names = append(p.names, strings.TrimSpace(name))
	return nil
}

package shardmap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func written(t rapid.TB, from Table) string {
	t.Helper()
	text, err := from.MarshalDocument()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocumentIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawTable(t, "")
		text := written(t, want)
		if again := written(t, want); again != text {
			t.Fatalf("two documents of one table:\n%s\n%s", text, again)
		}
		got, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got.slots != want.slots || got.shards != want.shards || len(got.pins)+len(want.pins) > 0 && !reflect.DeepEqual(got.pins, want.pins) {
			t.Fatalf("read %+v, wrote %+v", got, want)
		}
	})
}

// The largest cache with the most pins that a region file may have, all with the longest names, fits into a parameter.
func TestDocumentFits(t *testing.T) {
	pins := map[string]int{}
	for i := range 50 {
		pins[fmt.Sprintf("%063d", i)] = MaxShards - 1
	}
	if text := written(t, table(t, MaxShards, pins)); len(text) > DocumentLimit {
		t.Errorf("%d bytes", len(text))
	}
	for i := range 20 {
		pins[fmt.Sprintf("%063d", 50+i)] = 0
	}
	if _, err := table(t, MaxShards, pins).MarshalDocument(); err == nil || !strings.Contains(err.Error(), "50 pins") {
		t.Errorf("70 pins with the longest names: %v, want an error that says how many fit", err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := written(t, table(t, 4, map[string]int{"acme": 2}))
	cases := []struct{ name, old, with, want string }{
		{"nothing", good, "", "unexpected end"},
		{"text", good, "hello", "invalid character"},
		{"half a document", good[100:], "", "unexpected end"},
		{"two documents", good, good + good, "after top-level value"},
		{"another version", `"version":1`, `"version":2`, "version 2; want 1"},
		{"no version", `"version":1,`, ``, "version 0; want 1"},
		{"no shards", `"shards":4`, `"shards":0`, "0 shards; want 1 to 32"},
		{"too many shards", `"shards":4`, `"shards":33`, "33 shards; want 1 to 32"},
		{"a slot less", `"slots":"0`, `"slots":"`, "255 slots; want 256"},
		{"a slot beyond the shards", `"slots":"0`, `"slots":"4`, `slot 0 is on shard '4'; want one of 0123`},
		{"a slot on no shard", `"slots":"0`, `"slots":"-`, `slot 0 is on shard '-'`},
		{"a pin beyond", `"acme":2`, `"acme":4`, `pin of "acme" to shard 4; want a tenant's name and a shard from 0 to 3`},
		{"another place of a slot", `"slots":"0`, `"slots":"1`, "epoch"},
		{"another place of a pin", `"acme":2`, `"acme":1`, "the text was edited or truncated"},
		{"another epoch", `"epoch":`, `"epoch":1`, "the text was edited or truncated"},
		{"a large document", `"version":1`, `"version":1` + strings.Repeat(" ", DocumentLimit), "want at most 4096"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse([]byte(strings.Replace(good, c.old, c.with, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}

// The parser ignores an unknown field, so that an agent of the previous release reads this release's map.
func TestParsePassesOverNewFields(t *testing.T) {
	good := written(t, table(t, 4, nil))
	if _, err := Parse([]byte(strings.Replace(good, "{", `{"later":[1],`, 1))); err != nil {
		t.Error(err)
	}
}

// A plan contains the document, and the parser accepts indented JSON too.
func TestTableInJSON(t *testing.T) {
	want := table(t, 4, map[string]int{"acme": 2})
	text, err := json.MarshalIndent(struct{ Map Table }{want}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(want.encodeSlots())) {
		t.Errorf("%s\nlacks the slots", text)
	}
	var got struct{ Map Table }
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got.Map, want) {
		t.Errorf("read back %+v, %v", got.Map, err)
	}
	if err := json.Unmarshal([]byte(`{"Map":{}}`), &got); err == nil {
		t.Error("an empty map was read")
	}
}

// For every text, the parser returns an error or a table that writes a document of its own.
func FuzzParse(f *testing.F) {
	f.Add([]byte(written(f, table(f, 4, map[string]int{"acme": 2}))))
	f.Add([]byte(`{"version":1,"epoch":0,"shards":1,"slots":"` + strings.Repeat("0", SlotCount) + `"}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := Parse(text)
		if err != nil {
			return
		}
		again, err := read.MarshalDocument()
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", text, err)
		}
		if twice, err := Parse(again); err != nil || twice.Epoch() != read.Epoch() {
			t.Fatalf("%q was read, written and not read again: %v", text, err)
		}
	})
}

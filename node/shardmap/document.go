package shardmap

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// DocumentLimit is the most bytes of a shard map: what a standard parameter holds. Source: AWS Systems Manager, "Managing parameter
// tiers". The advanced tier was refused: it costs by the month, and a parameter cannot go back from it.
const DocumentLimit = 4096

// documentVersion changes when older agents would misread a newer document. A field more does not change it: readers pass over
// fields that they do not know.
const documentVersion = 1

// shardDigits writes a shard as one character, so that the slots are 256 characters whatever the table. Runs of slots were
// refused: they are shorter for few shards only, and a changed slot then shifts the rest of the line.
const shardDigits = "0123456789abcdefghijklmnopqrstuv"

// document is the shape of the shard map in Parameter Store.
type document struct {
	Version int   `json:"version"`
	Epoch   int64 `json:"epoch"`
	Shards  int   `json:"shards"`
	// Slots has one digit of shardDigits for each slot, slot 0 first.
	Slots string         `json:"slots"`
	Pins  map[string]int `json:"pins,omitempty"`
	// Blocks hold the shards' fixed addresses: see Table.Address.
	Blocks []netip.Prefix `json:"blocks,omitempty"`
}

func (t Table) encodeSlots() string {
	text := make([]byte, SlotCount)
	for slot, shard := range t.slots {
		text[slot] = shardDigits[shard]
	}
	return string(text)
}

// MarshalDocument gives the table as the JSON that goes to Parameter Store: the same bytes for the same table. It fails when the pins make
// it larger than a parameter holds; 50 pins with the longest names fit.
func (t Table) MarshalDocument() ([]byte, error) {
	text, err := json.Marshal(document{Version: documentVersion, Epoch: t.Epoch(), Shards: t.shards, Slots: t.encodeSlots(), Pins: t.pins, Blocks: t.blocks})
	if err != nil {
		return nil, fmt.Errorf("writing the shard map: %w", err)
	}
	if len(text) > DocumentLimit {
		return nil, fmt.Errorf("the shard map has %d bytes with its %d pins, a parameter holds %d; want at most 50 pins", len(text), len(t.pins), DocumentLimit)
	}
	return text, nil
}

// Parse reads what Document wrote. It fails on anything that could place a tenant wrongly: a version that it does not know,
// a slot or a pin without its shard, an epoch that is not that of the content (the text was edited or cut). An agent that gets
// an error keeps the map it has.
func Parse(text []byte) (Table, error) {
	if len(text) > DocumentLimit {
		return Table{}, fmt.Errorf("shard map: %d bytes; want at most %d", len(text), DocumentLimit)
	}
	return parseTable(text)
}

func parseTable(text []byte) (Table, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return Table{}, fmt.Errorf("shard map: %w", err)
	}
	t, err := d.toTable()
	if err != nil {
		return Table{}, fmt.Errorf("shard map: %w", err)
	}
	return t, nil
}

func (d document) toTable() (Table, error) {
	switch {
	case d.Version != documentVersion:
		return Table{}, fmt.Errorf("version %d; want %d: a newer agent reads it", d.Version, documentVersion)
	case d.Shards < 1 || d.Shards > MaxShards:
		return Table{}, fmt.Errorf("%d shards; want 1 to %d", d.Shards, MaxShards)
	case len(d.Slots) != SlotCount:
		return Table{}, fmt.Errorf("%d slots; want %d", len(d.Slots), SlotCount)
	}
	t := Table{shards: d.Shards, pins: d.Pins, blocks: d.Blocks}
	for slot := range SlotCount {
		shard := strings.IndexByte(shardDigits[:d.Shards], d.Slots[slot])
		if shard < 0 {
			return Table{}, fmt.Errorf("slot %d is on shard %q; want one of %s", slot, d.Slots[slot], shardDigits[:d.Shards])
		}
		t.slots[slot] = uint8(shard)
	}
	if err := t.checkPins(); err != nil {
		return Table{}, err
	}
	if last := d.Shards - 1; len(d.Blocks) > 0 && !t.ShardAddress(last).IsValid() {
		return Table{}, fmt.Errorf("shard %d has no address in %v", last, d.Blocks)
	}
	if want := t.Epoch(); d.Epoch != want {
		return Table{}, fmt.Errorf("epoch %d; want %d, which is that of the slots and pins: the text was edited or cut", d.Epoch, want)
	}
	return t, nil
}

// MovedParameter is the name of the parameter in which a shard's server says which slots of the current map it has copied from where they
// were, beside the map's own parameter.
func MovedParameter(mapParameter string, shard int) string {
	return fmt.Sprintf("%s/moved/%02d", path.Dir(mapParameter), shard)
}

package shardmap

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// DocumentLimit is the maximum size of a shard map in bytes: the capacity of a standard parameter. Source: AWS Systems
// Manager, "Managing parameter tiers". We do not use the advanced tier: it costs money every month, and a parameter
// cannot return from it.
const DocumentLimit = 4096

// documentVersion changes when older agents would misread a newer document. An additional field does not change it,
// because readers ignore fields that they do not know.
const documentVersion = 1

// shardDigits encodes a shard as one character, so the slots are always 256 characters. We do not encode runs of slots:
// they are shorter only for few shards, and one changed slot would shift the rest of the line.
const shardDigits = "0123456789abcdefghijklmnopqrstuv"

// document is the JSON format of the shard map in Parameter Store.
type document struct {
	Version int   `json:"version"`
	Epoch   int64 `json:"epoch"`
	Shards  int   `json:"shards"`
	// Slots contains one digit of shardDigits for each slot, slot 0 first.
	Slots string         `json:"slots"`
	Pins  map[string]int `json:"pins,omitempty"`
	// Blocks contain the fixed addresses of the shards: see Table.ShardAddress.
	Blocks []netip.Prefix `json:"blocks,omitempty"`
}

// encodeSlots returns the shard of each slot as one digit of shardDigits.
func (t Table) encodeSlots() string {
	text := make([]byte, SlotCount)
	for slot, shard := range t.slots {
		text[slot] = shardDigits[shard]
	}
	return string(text)
}

// MarshalDocument returns the table as the JSON document for Parameter Store. Equal tables produce equal bytes. It
// returns an error when the pins make the document larger than a parameter; 50 pins with the longest names fit.
func (t Table) MarshalDocument() ([]byte, error) {
	text, err := json.Marshal(document{Version: documentVersion, Epoch: t.Epoch(), Shards: t.shards, Slots: t.encodeSlots(), Pins: t.pins,
		Blocks: t.blocks})
	if err != nil {
		return nil, fmt.Errorf("encoding the shard map: %w", err)
	}
	if len(text) > DocumentLimit {
		return nil, fmt.Errorf("the shard map with its %d pins has %d bytes, a parameter has at most %d; want at most 50 pins", len(t.pins),
			len(text), DocumentLimit)
	}
	return text, nil
}

// Parse parses a document of MarshalDocument. It returns an error for everything that could place a tenant wrongly: an
// unknown version, a slot or a pin on a shard that does not exist, or an epoch that does not match the content because
// the text was edited or truncated. An agent that receives an error continues with its current map.
func Parse(text []byte) (Table, error) {
	if len(text) > DocumentLimit {
		return Table{}, fmt.Errorf("shard map: %d bytes; want at most %d", len(text), DocumentLimit)
	}
	return parseTable(text)
}

// parseTable parses a document of any size.
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

// toTable validates the document and converts it to a table.
func (d document) toTable() (Table, error) {
	switch {
	case d.Version != documentVersion:
		return Table{}, fmt.Errorf("version %d; want %d; run `beachhead up` with one release, then replace the machine", d.Version,
			documentVersion)
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
		return Table{}, fmt.Errorf("epoch %d; want %d, the epoch of the slots and pins; the text was edited or truncated: run `beachhead up` "+
			"to write it again", d.Epoch, want)
	}
	return t, nil
}

// MovedParameter returns the name of the parameter in which a shard's server lists the slots that it has copied from
// their previous shards. It lies beside the parameter of the map.
func MovedParameter(mapParameter string, shard int) string {
	return fmt.Sprintf("%s/moved/%02d", path.Dir(mapParameter), shard)
}

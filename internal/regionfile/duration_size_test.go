package regionfile

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"1GiB": 1, "200GiB": 200, "2TiB": 2048, "1024GiB": 1024, "0GiB": 0} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "200", "200GB", "200 GiB", "-1GiB", "1.5TiB", "2tib", "GiB", "9999999999GiB", "0x10GiB"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %d", text, got)
		}
	}
	for size, want := range map[Size]string{0: "0GiB", 1023: "1023GiB", 1024: "1TiB", 1025: "1025GiB", 65536: "64TiB"} {
		if size.String() != want {
			t.Errorf("%d prints as %s; want %s", size, size, want)
		}
	}
	if (2 * TiB).GiB() != 2048 {
		t.Error("2TiB is not 2048 GiB")
	}
}

func TestDurationPrints(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10m", 90 * time.Minute: "1h30m", 2 * time.Hour: "2h", time.Hour + time.Second: "1h0m1s", 30 * time.Second: "30s",
		0: "0s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v prints as %s; want %s", d, got, want)
		}
	}
}

func TestScalarsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := Duration(rapid.Int64().Draw(t, "duration")), Size(rapid.Int64Range(0, 999_999_999).Draw(t, "size"))
		var gotD Duration
		var gotS Size
		if err := gotD.UnmarshalText([]byte(d.String())); err != nil || gotD != d {
			t.Fatalf("%s came back as %s: %v", d, gotD, err)
		}
		if err := gotS.UnmarshalText([]byte(s.String())); err != nil || gotS != s {
			t.Fatalf("%s came back as %s: %v", s, gotS, err)
		}
	})
}

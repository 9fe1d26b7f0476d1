package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	dashboardType    = "aws:cloudwatch/dashboard:Dashboard"
	metricFilterType = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
)

func init() {
	define(dashboardKind, metricFilterKind)
}

var dashboardName = regexp.MustCompile(`^[\w-]{1,255}$`)

var dashboardKind = &kind{
	typ:     dashboardType,
	missing: "ResourceNotFound: Dashboard %s does not exist",
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.pattern("dashboardName", dashboardName)
		if body, known := l.in["dashboardBody"].(string); known {
			if err := checkDashboard(body); err != nil {
				l.bad("dashboardBody", "InvalidParameterInput: The dashboard body is invalid: %v", err)
			}
		}
		return l.failures()
	},
	create: func(c *call) error {
		name := c.rec.str("dashboardName")
		if c.find(name, dashboardType) != nil {
			return refused("the dashboard %s already exists", name) // PutDashboard would overwrite it silently
		}
		c.rec.ID = name
		c.rec.Outputs["dashboardArn"] = fmt.Sprintf("arn:aws:cloudwatch::%s:dashboard/%s", c.account, name)
		return nil
	},
}

// widget is one field of a dashboard, on a grid of 24 columns.
type widget struct {
	Type                string
	X, Y, Width, Height *int
	Properties          map[string]any
}

// checkDashboard refuses a body that is no JSON, or whose widgets are none.
func checkDashboard(body string) error {
	var doc struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		return err
	}
	if len(doc.Widgets) > 500 {
		return fmt.Errorf("at most 500 widgets, not %d", len(doc.Widgets))
	}
	for i, w := range doc.Widgets {
		if err := w.check(); err != nil {
			return fmt.Errorf("widgets[%d]: %w", i, err)
		}
	}
	return nil
}

// check refuses a widget without a type or with one that there is not, without properties, or off the grid.
func (w *widget) check() error {
	if !slices.Contains([]string{"metric", "text", "log", "alarm", "explorer"}, w.Type) {
		return fmt.Errorf("unknown type %q", w.Type)
	}
	if len(w.Properties) == 0 {
		return errors.New("properties are missing")
	}
	x, width := orElseInt(w.X, 0), orElseInt(w.Width, 6)
	if x < 0 || width < 1 || x+width > 24 || orElseInt(w.Y, 0) < 0 || orElseInt(w.Height, 6) < 1 || orElseInt(w.Height, 6) > 1000 {
		return errors.New("stands off the grid of 24 columns")
	}
	return nil
}

func orElseInt(n *int, otherwise int) int {
	if n != nil {
		return *n
	}
	return otherwise
}

const filtersPerGroup = 100 // of metric filters in a log group

// Ids carry the log group's name, as imports do: a filter's name means something in its group only.
var metricFilterKind = &kind{
	typ:      metricFilterType,
	missing:  "ResourceNotFoundException: The specified metric filter does not exist: %s",
	autoName: 512,
	refs:     []ref{{path: "logGroupName", to: []string{logGroupType}, when: fades}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		if len(l.str("pattern")) > 1024 {
			l.bad("pattern", "must be at most 1024 long")
		}
		t := l.under("metricTransformation")
		t.pattern("name", regexp.MustCompile(`^[^:*$]{1,255}$`))
		t.pattern("namespace", regexp.MustCompile(`^[^:*$]{1,255}$`))
		if t.has("defaultValue") && len(obj(t.in["dimensions"])) > 0 {
			t.bad("defaultValue", "InvalidParameterException: cannot be given together with dimensions")
		}
		if n := len(obj(t.in["dimensions"])); n > 3 {
			t.bad("dimensions", "at most 3 may be given, there are %d", n)
		}
		return l.failures()
	},
	create: func(c *call) error {
		group := c.rec.str("logGroupName")
		c.rec.ID = group + ":" + c.rec.str("name")
		if c.find(c.rec.ID, metricFilterType) != nil {
			return refused("the metric filter %s already exists", c.rec.ID) // PutMetricFilter would overwrite it silently
		}
		n := 0
		for _, other := range c.here(metricFilterType) {
			if other.str("logGroupName") == group {
				n++
			}
		}
		if n >= filtersPerGroup {
			return exceeded("LimitExceededException: Resource limit exceeded. (%s has %d metric filters)", group, n)
		}
		return nil
	},
}

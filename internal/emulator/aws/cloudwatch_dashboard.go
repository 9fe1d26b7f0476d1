package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// DashboardType is the Pulumi type token of a CloudWatch dashboard.
const DashboardType = "aws:cloudwatch/dashboard:Dashboard"

var dashboardName = regexp.MustCompile(`^[\w-]{1,255}$`)

var dashboardKind = &cloud.Kind{
	Type:    DashboardType,
	Missing: "ResourceNotFound: Dashboard %s does not exist",
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckPattern("dashboardName", dashboardName)
		if body, known := in.Values["dashboardBody"].(string); known {
			if err := checkDashboard(body); err != nil {
				in.Fail("dashboardBody", "InvalidParameterInput: The dashboard body is invalid: %v", err)
			}
		}
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		name := c.New.Text("dashboardName")
		if c.Find(name, DashboardType) != nil {
			return cloud.Refuse("the dashboard %s already exists", name) // PutDashboard would overwrite it silently
		}
		c.New.ID = name
		c.New.Outputs["dashboardArn"] = fmt.Sprintf("arn:aws:cloudwatch::%s:dashboard/%s", c.Account, name)
		return nil
	},
}

// widget is one widget of a dashboard, on a grid of 24 columns.
type widget struct {
	Type                string
	X, Y, Width, Height *int
	Properties          map[string]any
}

// checkDashboard refuses a body that is not JSON, and one with invalid widgets.
func checkDashboard(body string) error {
	var doc struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		return err
	}
	if len(doc.Widgets) > 500 {
		return fmt.Errorf("at most 500 widgets, not %d", len(doc.Widgets))
	}
	for i, w := range doc.Widgets {
		if err := w.checkPlacement(); err != nil {
			return fmt.Errorf("widgets[%d]: %w", i, err)
		}
	}
	return nil
}

// checkPlacement refuses a widget with a missing or unknown type, without properties, or outside the grid.
func (w *widget) checkPlacement() error {
	if !slices.Contains([]string{"metric", "text", "log", "alarm", "explorer"}, w.Type) {
		return fmt.Errorf("unknown type %q", w.Type)
	}
	if len(w.Properties) == 0 {
		return errors.New("properties are missing")
	}
	x, width := intOrDefault(w.X, 0), intOrDefault(w.Width, 6)
	if x < 0 || width < 1 || x+width > 24 || intOrDefault(w.Y, 0) < 0 || intOrDefault(w.Height, 6) < 1 || intOrDefault(w.Height, 6) > 1000 {
		return errors.New("stands off the grid of 24 columns")
	}
	return nil
}

func intOrDefault(n *int, otherwise int) int {
	if n != nil {
		return *n
	}
	return otherwise
}

package cloud

import (
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// Create creates the call's record from inputs.
func (c *Call) Create(inputs map[string]any, urn string) error {
	id := ""
	if c.Kind.IDPrefix != "" {
		id = c.NewID(c.Kind.IDPrefix)
	}
	c.New = c.NewRecord(c.Kind.Type, id, nil)
	c.New.Inputs, c.New.URN, c.New.Managed = inputs, urn, true
	name := c.Kind.NameProperty()
	if prefix := c.New.Text(name + "Prefix"); prefix != "" && c.New.Text(name) == "" {
		c.New.Outputs[name] = c.NewID(strings.TrimSuffix(prefix, "-"))
	}
	if err := c.checkReferences(); err != nil {
		return err
	}
	if c.Kind.Create != nil {
		if err := c.Kind.Create(c); err != nil {
			return err
		}
	}
	c.Store(c.New)
	return nil
}

// Update changes the record with an id. An input that the program no longer sets keeps its value in two cases: when the cloud would
// choose one, and when it applies at creation only and no call reads it back. An imported resource lacks such an input, while the
// cloud's resource still has it.
func (c *Call) Update(spec *catalog.Resource, id string, inputs map[string]any, urn string) error {
	c.Old = c.Find(id, c.Kind.Type)
	if c.Old == nil {
		return Refuse("%s", notFoundText(c.Kind, id))
	}
	c.New = c.Old.Clone()
	c.New.Inputs, c.New.URN = inputs, urn
	for name, v := range c.Old.Inputs {
		p := spec.Inputs[name]
		if _, ok := inputs[name]; !ok && (spec.OptionalComputed(name) || c.Kind.IsCreateOnly(p, name) &&
			slices.Contains(c.Kind.WriteOnly, name)) {
			c.New.Outputs[name] = v
		}
	}
	if err := c.checkCreateOnly(spec); err != nil {
		return err
	}
	if err := c.checkReferences(); err != nil {
		return err
	}
	if c.Kind.Update != nil {
		if err := c.Kind.Update(c); err != nil {
			return err
		}
	}
	c.Store(c.New)
	return nil
}

// checkCreateOnly refuses to change an input that can be set at creation only. The engine should have replaced the resource.
func (c *Call) checkCreateOnly(spec *catalog.Resource) error {
	for name, p := range spec.Inputs {
		if c.Kind.IsCreateOnly(p, name) && c.HasChanged(name) {
			return Refuse("%s of %s can be set at creation only: replace it", name, c.New.ID)
		}
	}
	return nil
}

// Delete removes the record with an id, unless another record uses it. To delete an absent record is neither an error nor an operation.
func (c *Call) Delete(id string) error {
	c.Old = c.Find(id, c.Kind.Type)
	if c.Old == nil {
		return nil
	}
	if c.Kind.Delete != nil {
		if err := c.Kind.Delete(c); err != nil {
			return err
		}
	}
	if c.Kind.Retain != nil && c.Kind.Retain(c.Old) {
		left := c.Old.Clone()
		left.Managed, left.URN = false, ""
		c.Store(left)
		return nil
	}
	if err := c.CheckUnused(c.Old); err != nil {
		return err
	}
	c.DropAll(c.Old)
	return nil
}

func notFoundText(k *Kind, id string) string {
	if k.Missing == "" {
		return k.Type + " " + id + " does not exist"
	}
	return strings.ReplaceAll(k.Missing, "%s", id)
}

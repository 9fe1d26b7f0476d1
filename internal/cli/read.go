package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

func (a *app) validate() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate [FILE...]",
		Short: "Check region files: all problems at once, with file, line and what to write instead",
		Long:  "Check region files, by themselves and against each other. Without arguments: every file in regions/.",
		RunE:  func(_ *cobra.Command, args []string) error { return a.judge(args, asJSON) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// judge validates files and writes what is wrong: to the log for people, to standard output as JSON.
func (a *app) judge(args []string, asJSON bool) error {
	files, err := a.regionFiles(args)
	if err != nil {
		return err
	}
	configs, err := regionfile.LoadAll(files)
	wrong := regionfile.Problems(err)
	all := append([]regionfile.Problem{}, wrong...)
	for _, c := range configs {
		all = append(all, c.Warnings()...)
	}
	if asJSON {
		if err := writeJSON(a.out, all); err != nil {
			return err
		}
	} else {
		for _, p := range all {
			fmt.Fprintln(a.err, p)
		}
	}
	switch {
	case err != nil:
		return usageError{fmt.Errorf("%s in %s; nothing was touched", plural(len(wrong), "problem"), plural(len(files), "file"))}
	case !asJSON:
		fmt.Fprintf(a.out, "%s valid\n", plural(len(files), "region file"))
	}
	return nil
}

func (a *app) show() *cobra.Command {
	var asJSON bool
	cmd := a.regionCommand("show", "Show the completed region file and the plan that follows from it", func(_ context.Context, name string) error {
		r, err := a.load(name)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(a.out, map[string]any{"config": r.config, "plan": r.plan})
		}
		completed, err := r.config.YAML()
		if err != nil {
			return err
		}
		planned, err := blockYAML(r.plan)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "# %s, completed with what it leaves out\n%s---\n# the plan that follows\n%s", r.path, completed, planned)
		return err
	})
	jsonFlag(cmd, &asJSON)
	return cmd
}

// blockYAML writes a value as its JSON would be, as readable YAML: JSON is YAML already, only its style has to go.
func blockYAML(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, err
	}
	var unstyle func(n *yaml.Node)
	unstyle = func(n *yaml.Node) {
		n.Style = 0
		for _, child := range n.Content {
			unstyle(child)
		}
	}
	unstyle(&node)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err = encoder.Encode(&node)
	return out.Bytes(), err
}

func (a *app) outputs() *cobra.Command {
	var asJSON bool
	var t target
	cmd := a.regionCommand("outputs", "Show the stack's outputs: ids, subnets, public addresses", func(ctx context.Context, name string) error {
		run, err := a.open(ctx, name, t, nil)
		if err != nil {
			return err
		}
		defer run.close()
		outputs, err := run.stack.Outputs(ctx)
		if err != nil {
			return err
		}
		if len(outputs) == 0 {
			return fmt.Errorf("%s has no outputs: it is not up; `beachhead up %s%s` brings it up", name, name, t.flag())
		}
		if asJSON {
			return writeJSON(a.out, outputs)
		}
		text, err := blockYAML(outputs)
		if err != nil {
			return err
		}
		_, err = a.out.Write(text)
		return err
	})
	jsonFlag(cmd, &asJSON)
	t.flags(cmd)
	return cmd
}

// completeRegion offers the names of the region files.
func (a *app) completeRegion(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	files, err := a.regionFiles(nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, f := range files {
		names = append(names, stem(f))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// table is a writer that lines columns up.
func (a *app) table() *tabwriter.Writer { return tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0) }

package emulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	RoleType            = "aws:iam/role:Role"
	RolePolicyType      = "aws:iam/rolePolicy:RolePolicy"
	InstanceProfileType = "aws:iam/instanceProfile:InstanceProfile"
)

var iamName = regexp.MustCompile(`^[\w+=,.@-]+$`)

// checkIAMName refuses names that IAM takes for nothing.
func checkIAMName(m resource.PropertyMap, longest int) []catalog.Failure {
	if s, known := KnownText(m, "name"); known && (!iamName.MatchString(s) || len(s) > longest) {
		return []catalog.Failure{{Property: "name", Reason: fmt.Sprintf(
			"%q must be at most %d of letters, digits and +=,.@-_", s, longest)}}
	}
	return nil
}

// checkPolicyDocument refuses a policy that is no JSON object with statements.
func checkPolicyDocument(m resource.PropertyMap, name string) []catalog.Failure {
	s, known := KnownText(m, name)
	if !known {
		return nil
	}
	var doc struct{ Statement any }
	if err := json.Unmarshal([]byte(s), &doc); err != nil {
		return []catalog.Failure{{Property: name, Reason: fmt.Sprintf("contains an invalid JSON policy: %v", err)}}
	}
	if doc.Statement == nil {
		return []catalog.Failure{{Property: name, Reason: "MalformedPolicyDocument: Missing required field Statement"}}
	}
	return nil
}

var roleKind = &Kind{
	Type: RoleType, Global: true,
	Missing:        "NoSuchEntity: The role with name %s cannot be found.",
	InUse:          "DeleteConflict: Cannot delete entity %s, must detach or delete its policies and remove it from instance profiles first.",
	AutoNameLength: 64,
	Defaults:       map[string]any{"forceDetachPolicies": false, "maxSessionDuration": 3600.0, "path": "/"},
	WriteOnly:      []string{"forceDetachPolicies"},
	Sets:           []string{"inlinePolicies"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		out := slices.Concat(checkIAMName(m, 64), checkPolicyDocument(m, "assumeRolePolicy"))
		if v := catalog.Bare(m["maxSessionDuration"]); v.IsNumber() && (v.NumberValue() < 3600 || v.NumberValue() > 43200) {
			out = append(out, catalog.Failure{Property: "maxSessionDuration", Reason: "must be between 3600 and 43200"})
		}
		return out
	},
	Create: func(c *Call) error {
		if err := assignUniqueName(c, "EntityAlreadyExists: Role with name %s already exists."); err != nil {
			return err
		}
		return storeIAMOutputs(c, "role", "AROA")
	},
}

// assignUniqueName makes the name the id, and refuses one that is taken.
func assignUniqueName(c *Call, words string) error {
	name := c.New.Text(c.Kind.NameProperty())
	if other := c.Find(name, c.Kind.Type); other != nil {
		return Refuse(words, name)
	}
	c.New.ID = name
	return nil
}

// storeIAMOutputs gives something of IAM its full name, its unique id and its birthday.
func storeIAMOutputs(c *Call, what, prefix string) error {
	path := c.New.Text("path")
	if path == "" {
		path = "/"
	}
	c.New.Outputs["arn"] = fmt.Sprintf("arn:aws:iam::%s:%s%s%s", c.Account, what, path, c.New.ID)
	c.New.Outputs["createDate"] = c.Now.Format(time.RFC3339)
	c.New.Outputs["uniqueId"] = fmt.Sprintf("%s%017X", prefix, c.NextNumber())
	return nil
}

var rolePolicyKind = &Kind{
	Type: RolePolicyType, Global: true,
	Missing:        "NoSuchEntity: The role policy %s cannot be found.",
	AutoNameLength: 128,
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	References:     []Reference{{Path: "role", To: []string{RoleType}, OnDelete: Block}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		return slices.Concat(checkIAMName(m, 128), checkPolicyDocument(m, "policy"))
	},
	Create: func(c *Call) error {
		c.New.ID = c.New.Text("role") + ":" + c.New.Text("name")
		if c.Find(c.New.ID, RolePolicyType) != nil {
			return Refuse("EntityAlreadyExists: the role policy %s already exists", c.New.ID) // PutRolePolicy would overwrite it silently
		}
		return nil
	},
}

var instanceProfileKind = &Kind{
	Type: InstanceProfileType, Global: true,
	Missing:        "NoSuchEntity: Instance Profile %s cannot be found.",
	AutoNameLength: 128,
	Defaults:       map[string]any{"path": "/"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	References:     []Reference{{Path: "role", To: []string{RoleType}, OnDelete: Block}},
	Check:          func(m resource.PropertyMap) []catalog.Failure { return checkIAMName(m, 128) },
	Create: func(c *Call) error {
		if err := assignUniqueName(c, "EntityAlreadyExists: Instance Profile %s already exists."); err != nil {
			return err
		}
		return storeIAMOutputs(c, "instance-profile", "AIPA")
	},
}

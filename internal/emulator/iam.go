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
	roleType            = "aws:iam/role:Role"
	rolePolicyType      = "aws:iam/rolePolicy:RolePolicy"
	instanceProfileType = "aws:iam/instanceProfile:InstanceProfile"
)

func init() {
	define(roleKind, rolePolicyKind, instanceProfileKind)
}

var iamName = regexp.MustCompile(`^[\w+=,.@-]+$`)

// checkNames refuses names that IAM takes for nothing.
func checkNames(m resource.PropertyMap, longest int) []catalog.Failure {
	if s, known := text(m, "name"); known && (!iamName.MatchString(s) || len(s) > longest) {
		return []catalog.Failure{{Property: "name", Reason: fmt.Sprintf(
			"%q must be at most %d of letters, digits and +=,.@-_", s, longest)}}
	}
	return nil
}

// checkDocument refuses a policy that is no JSON object with statements.
func checkDocument(m resource.PropertyMap, name string) []catalog.Failure {
	s, known := text(m, name)
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

var roleKind = &kind{
	typ: roleType, global: true,
	missing:  "NoSuchEntity: The role with name %s cannot be found.",
	inUse:    "DeleteConflict: Cannot delete entity %s, must detach or delete its policies and remove it from instance profiles first.",
	autoName: 64,
	defaults: map[string]any{"forceDetachPolicies": false, "maxSessionDuration": 3600.0, "path": "/"},
	unread:   []string{"forceDetachPolicies"},
	sets:     []string{"inlinePolicies"},
	notBoth:  [][]string{{"name", "namePrefix"}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		out := slices.Concat(checkNames(m, 64), checkDocument(m, "assumeRolePolicy"))
		if v := catalog.Bare(m["maxSessionDuration"]); v.IsNumber() && (v.NumberValue() < 3600 || v.NumberValue() > 43200) {
			out = append(out, catalog.Failure{Property: "maxSessionDuration", Reason: "must be between 3600 and 43200"})
		}
		return out
	},
	create: func(c *call) error {
		if err := c.nameUnique("EntityAlreadyExists: Role with name %s already exists."); err != nil {
			return err
		}
		return c.born("role", "AROA")
	},
}

// nameUnique makes the name the id, and refuses one that is taken.
func (c *call) nameUnique(words string) error {
	name := c.rec.str(c.kind.naming())
	if other := c.find(name, c.kind.typ); other != nil {
		return refused(words, name)
	}
	c.rec.ID = name
	return nil
}

// born gives something of IAM its full name, its unique id and its birthday.
func (c *call) born(what, prefix string) error {
	path := c.rec.str("path")
	if path == "" {
		path = "/"
	}
	c.rec.Outputs["arn"] = fmt.Sprintf("arn:aws:iam::%s:%s%s%s", c.account, what, path, c.rec.ID)
	c.rec.Outputs["createDate"] = c.now.Format(time.RFC3339)
	c.st.ids++
	c.rec.Outputs["uniqueId"] = fmt.Sprintf("%s%017X", prefix, c.st.ids)
	return nil
}

var rolePolicyKind = &kind{
	typ: rolePolicyType, global: true,
	missing:  "NoSuchEntity: The role policy %s cannot be found.",
	autoName: 128,
	notBoth:  [][]string{{"name", "namePrefix"}},
	refs:     []ref{{path: "role", to: []string{roleType}, when: holds}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		return slices.Concat(checkNames(m, 128), checkDocument(m, "policy"))
	},
	create: func(c *call) error {
		c.rec.ID = c.rec.str("role") + ":" + c.rec.str("name")
		if c.find(c.rec.ID, rolePolicyType) != nil {
			return refused("EntityAlreadyExists: the role policy %s already exists", c.rec.ID) // PutRolePolicy would overwrite it silently
		}
		return nil
	},
}

var instanceProfileKind = &kind{
	typ: instanceProfileType, global: true,
	missing:  "NoSuchEntity: Instance Profile %s cannot be found.",
	autoName: 128,
	defaults: map[string]any{"path": "/"},
	notBoth:  [][]string{{"name", "namePrefix"}},
	refs:     []ref{{path: "role", to: []string{roleType}, when: holds}},
	check:    func(m resource.PropertyMap) []catalog.Failure { return checkNames(m, 128) },
	create: func(c *call) error {
		if err := c.nameUnique("EntityAlreadyExists: Instance Profile %s already exists."); err != nil {
			return err
		}
		return c.born("instance-profile", "AIPA")
	},
}

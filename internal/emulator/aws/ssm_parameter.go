package aws

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// ParameterType is the Pulumi type token of a parameter in Systems Manager's Parameter Store.
const ParameterType = "aws:ssm/parameter:Parameter"

// The limits of Parameter Store, in bytes, levels and parameters in a region.
const (
	standardParameter = 4 * 1024
	advancedParameter = 8 * 1024
	parameterName     = 1011
	parameterLevels   = 15
	maxParameters     = 10000
)

var parameterWords = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

var parameterKind = &cloud.Kind{
	Type:           ParameterType,
	Missing:        "ParameterNotFound: %s",
	AutoNameLength: 1011,
	Defaults:       map[string]any{"tier": "Standard"},
	WriteOnly:      []string{"overwrite"},
	Volatile:       []string{"version"},
	ExactlyOne:     [][]string{{"value", "insecureValue"}},
	Unsupported:    []string{"arn"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckSupported("type", "String", "SecureString")
		in.CheckChoice("tier", "Standard", "Advanced", "Intelligent-Tiering")
		in.CheckChoice("dataType", "text", "aws:ec2:image")
		checkParameterName(in)
		checkParameterValue(in)
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		c.New.ID = c.New.Text("name")
		c.New.Outputs["arn"] = "arn:aws:ssm:" + c.Region + ":" + c.Account + ":parameter/" + strings.TrimPrefix(c.New.ID, "/")
		c.New.Outputs["dataType"] = "text"
		c.New.Outputs["version"] = 1.0
		if other := c.Find(c.New.ID, ParameterType); other != nil {
			if !c.New.Bool("overwrite") {
				return cloud.Refuse("ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in "+
					"the request to true. (%s)",
					other.ID)
			}
			c.New.Outputs["version"] = float64(other.Number("version") + 1)
			return checkParameterChange(c, other)
		}
		if len(c.ListHere(ParameterType)) >= maxParameters {
			return cloud.RefuseQuota("ParameterLimitExceeded: You have exceeded the number of parameters for this AWS account. (%d)", maxParameters)
		}
		return checkParameterChange(c, nil)
	},
	Update: func(c *cloud.Call) error {
		written := slices.ContainsFunc([]string{"value", "insecureValue", "type", "tier", "description", "keyId", "allowedPattern"}, c.HasChanged)
		if written { // tags are another call
			c.New.Outputs["version"] = float64(c.Old.Number("version") + 1)
		}
		return checkParameterChange(c, c.Old)
	},
}

// checkParameterName checks a name against Parameter Store's rules: a path begins with a slash, and AWS reserves aws and ssm.
func checkParameterName(in *cloud.Inputs) {
	name, known := in.Values["name"].(string)
	if !known {
		return
	}
	in.CheckPattern("name", parameterWords)
	if len(name) > parameterName {
		in.Fail("name", "must be at most %d long, is %d", parameterName, len(name))
	}
	if strings.Contains(name, "/") && !strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.Contains(name, "//") {
		in.Fail("name", "ValidationException: Parameter name must be a fully qualified name: /a/b, and not %q", name)
	}
	if levels := strings.Count(name, "/"); levels > parameterLevels {
		in.Fail("name", "HierarchyLevelLimitExceededException: a hierarchy can have a maximum of %d levels, %q has %d", parameterLevels, name,
			levels)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(name), "/"), "/")
	if strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm") {
		in.Fail("name", "AccessDeniedException: No access to reserved parameter name: %s.", name)
	}
}

// checkParameterValue checks a value. Its messages never contain the value: it may be a secret.
func checkParameterValue(in *cloud.Inputs) {
	if in.Text("type") == "SecureString" && in.Has("insecureValue") {
		in.Fail("insecureValue", "a SecureString needs value")
	}
	if in.Text("type") == "String" && in.Has("keyId") {
		in.Fail("keyId", "ValidationException: KeyId is not required for String type parameter.")
	}
	for _, name := range []string{"value", "insecureValue"} {
		if value, known := in.Values[name].(string); known {
			checkParameterLimits(in, name, value)
		}
	}
}

// checkParameterLimits checks a value against its tier's limit, its pattern and its data type.
func checkParameterLimits(in *cloud.Inputs, name, value string) {
	limit := advancedParameter
	if in.Text("tier") == "Standard" {
		limit = standardParameter
	}
	if value == "" || len(value) > limit {
		in.Fail(name, "ValidationException: %s tier parameters support a maximum parameter value of %d characters, and need one; this has %d",
			in.Text("tier"), limit, len(value))
	}
	if in.Text("dataType") == "aws:ec2:image" && !strings.HasPrefix(value, "ami-") {
		in.Fail(name, "ValidationException: the value is not an image, as data type aws:ec2:image requires")
	}
	pattern := in.Text("allowedPattern")
	if re, err := regexp.Compile(pattern); err != nil {
		in.Fail("allowedPattern", "InvalidAllowedPatternException: %v", err)
	} else if !re.MatchString(value) {
		in.Fail(name, "ParameterPatternMismatchException: Parameter value, cannot match pattern: %s", pattern)
	}
}

// checkParameterChange refuses the changes that PutParameter refuses for an existing parameter, and a key that does not exist.
func checkParameterChange(c *cloud.Call, was *cloud.Record) error {
	if was != nil && was.Text("type") != c.New.Text("type") {
		return cloud.Refuse("HierarchyTypeMismatchException: Parameter Store doesn't support changing a parameter type: %s is a %s", was.ID,
			was.Text("type"))
	}
	if was != nil && was.Text("tier") == "Advanced" && c.New.Text("tier") == "Standard" {
		return cloud.Refuse("ValidationException: This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "+
			"advanced-parameter tier "+
			"to the standard-parameter tier. (%s)", was.ID)
	}
	if c.New.Text("type") == "SecureString" && c.New.Text("keyId") == "" {
		c.New.Outputs["keyId"] = "alias/aws/ssm"
	}
	return checkKMSKey(c, "keyId")
}

// WriteParameter overwrites the value of a parameter of type String, as a machine with the permission does. It returns an error when
// the parameter does not exist.
func WriteParameter(ctx context.Context, c *cloud.Cloud, account, region, name, value string) error {
	_, err := c.Do(ctx, &cloud.Request{Scope: cloud.Scope{Account: account, Region: region}, Kind: parameterKind, Op: "update", ID: name,
		Run: func(call *cloud.Call) error {
			if call.Old = call.Find(name, ParameterType); call.Old == nil || call.Old.Text("type") != "String" {
				return cloud.Refuse(parameterKind.Missing, name)
			}
			call.New = call.Old.Clone()
			call.New.Inputs["insecureValue"] = value
			delete(call.New.Inputs, "value")
			call.New.Outputs["version"] = float64(call.Old.Number("version") + 1)
			call.Store(call.New)
			return nil
		}})
	return err
}

package aws

import (
	"fmt"
	"regexp"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

var iamName = regexp.MustCompile(`^[\w+=,.@-]+$`)

// checkIAMName refuses names that IAM does not accept.
func checkIAMName(m resource.PropertyMap, longest int) []catalog.Failure {
	if s, known := cloud.KnownText(m, "name"); known && (!iamName.MatchString(s) || len(s) > longest) {
		return []catalog.Failure{{Property: "name", Reason: fmt.Sprintf(
			"%q must be at most %d of letters, digits and +=,.@-_", s, longest)}}
	}
	return nil
}

// assignUniqueName sets the id to the name, and refuses a name that exists.
func assignUniqueName(c *cloud.Call, words string) error {
	name := c.New.Text(c.Kind.NameProperty())
	if other := c.Find(name, c.Kind.Type); other != nil {
		return cloud.Refuse(words, name)
	}
	c.New.ID = name
	return nil
}

// storeIAMOutputs stores the ARN, the unique id and the creation date of an IAM resource.
func storeIAMOutputs(c *cloud.Call, what, prefix string) error {
	path := c.New.Text("path")
	if path == "" {
		path = "/"
	}
	c.New.Outputs["arn"] = fmt.Sprintf("arn:aws:iam::%s:%s%s%s", c.Account, what, path, c.New.ID)
	c.New.Outputs["createDate"] = c.Now.Format(time.RFC3339)
	c.New.Outputs["uniqueId"] = fmt.Sprintf("%s%017X", prefix, c.NextNumber())
	return nil
}

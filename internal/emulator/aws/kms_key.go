package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

const KMSKeyType = "aws:kms/key:Key"

var kmsKeyKind = &cloud.Kind{
	Type: KMSKeyType, ARN: "arn:aws:kms:%s:%s:key/%s",
	Missing: "NotFoundException: Key '%s' does not exist",
	Defaults: map[string]any{"bypassPolicyLockoutSafetyCheck": false, "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
		"enableKeyRotation": false, "isEnabled": true, "keyUsage": "ENCRYPT_DECRYPT"},
	WriteOnly:   []string{"bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"},
	Unsupported: []string{"customKeyStoreId", "xksKeyId"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := cloud.ReadInputs(m)
		l.CheckRange("deletionWindowInDays", 7, 30)
		l.CheckRange("rotationPeriodInDays", 90, 2560)
		l.CheckSupported("customerMasterKeySpec", "SYMMETRIC_DEFAULT")
		l.CheckSupported("keyUsage", "ENCRYPT_DECRYPT")
		if len(l.Text("description")) > 8192 {
			l.Fail("description", "must be at most 8192 long")
		}
		return slices.Concat(l.Failures(), checkPolicyDocument(m, "policy"))
	},
	Create: func(c *cloud.Call) error {
		c.New.ID = fmt.Sprintf("00000000-0000-4000-8000-%012x", c.NextNumber())
		c.New.Outputs["keyId"] = c.New.ID
		c.New.Outputs["policy"] = fmt.Sprintf(`{"Statement":[{"Action":"kms:*","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Resource":"*"}]}`,
			c.Account)
		return nil
	},
	Derive: func(_ *cloud.State, r *cloud.Record) map[string]any {
		if r.Bool("enableKeyRotation") && r.Number("rotationPeriodInDays") == 0 {
			return map[string]any{"rotationPeriodInDays": 365.0}
		}
		return nil
	},
}

// awsManagedKey is the full name of the key that AWS keeps for one of its services.
func awsManagedKey(c *cloud.Call, service string) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/%s", c.Region, c.Account, service)
}

// checkKMSKey refuses a key that is not there or is off, by id, ARN or alias. Keys may go before what they encrypt does, in life as
// here; that is why this is no reference of the tables. AWS's own keys, alias/aws/…, are always there.
func checkKMSKey(c *cloud.Call, property string) error {
	id := c.New.Text(property)
	if id == "" || !c.HasChanged(property) || strings.HasPrefix(id, "alias/aws/") || strings.HasPrefix(id, awsManagedKey(c, "")) {
		return nil
	}
	found := c.State.FindTarget(c.New, &cloud.Reference{To: []string{KMSAliasType, KMSKeyType}}, id)
	if found != nil && found.Type == KMSAliasType {
		found = c.Find(found.Text("targetKeyId"), KMSKeyType)
	}
	switch {
	case found == nil:
		return c.RefuseMissing(&cloud.Reference{To: []string{KMSKeyType}}, id)
	case !found.Bool("isEnabled"):
		return cloud.Refuse("KMSInvalidStateException: %s is disabled.", found.ID)
	}
	return nil
}

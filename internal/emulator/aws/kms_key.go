package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// KMSKeyType is the Pulumi type token of a KMS key.
const KMSKeyType = "aws:kms/key:Key"

var kmsKeyKind = &cloud.Kind{
	Type: KMSKeyType, ARN: "arn:aws:kms:%s:%s:key/%s",
	Missing: "NotFoundException: Key '%s' does not exist",
	Defaults: map[string]any{"bypassPolicyLockoutSafetyCheck": false, "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
		"enableKeyRotation": false, "isEnabled": true, "keyUsage": "ENCRYPT_DECRYPT"},
	WriteOnly:   []string{"bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"},
	Unsupported: []string{"customKeyStoreId", "xksKeyId"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckRange("deletionWindowInDays", 7, 30)
		in.CheckRange("rotationPeriodInDays", 90, 2560)
		in.CheckSupported("customerMasterKeySpec", "SYMMETRIC_DEFAULT")
		in.CheckSupported("keyUsage", "ENCRYPT_DECRYPT")
		if len(in.Text("description")) > 8192 {
			in.Fail("description", "must be at most 8192 long")
		}
		return slices.Concat(in.Failures(), checkPolicyDocument(m, "policy"))
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

// awsManagedKey returns the ARN of the key that AWS manages for one of its services.
func awsManagedKey(c *cloud.Call, service string) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/%s", c.Region, c.Account, service)
}

// checkKMSKey refuses a key that does not exist or is disabled, by id, ARN or alias. A key can be deleted before the data that it
// encrypts, in AWS as here; therefore Kind.References does not list it. AWS's own keys, alias/aws/…, always exist.
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

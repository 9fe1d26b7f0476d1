package emulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	kmsKeyType   = "aws:kms/key:Key"
	kmsAliasType = "aws:kms/alias:Alias"
)

func init() {
	define(kmsKeyKind, kmsAliasKind)
}

var aliasName = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)

var kmsKeyKind = &kind{
	typ: kmsKeyType, arn: "arn:aws:kms:%s:%s:key/%s",
	missing: "NotFoundException: Key '%s' does not exist",
	defaults: map[string]any{"bypassPolicyLockoutSafetyCheck": false, "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
		"enableKeyRotation": false, "isEnabled": true, "keyUsage": "ENCRYPT_DECRYPT"},
	unread: []string{"bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"},
	refuse: []string{"customKeyStoreId", "xksKeyId"},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.number("deletionWindowInDays", 7, 30)
		l.number("rotationPeriodInDays", 90, 2560)
		l.only("customerMasterKeySpec", "SYMMETRIC_DEFAULT")
		l.only("keyUsage", "ENCRYPT_DECRYPT")
		if len(l.str("description")) > 8192 {
			l.bad("description", "must be at most 8192 long")
		}
		return slices.Concat(l.failures(), checkDocument(m, "policy"))
	},
	create: func(c *call) error {
		c.st.ids++
		c.rec.ID = fmt.Sprintf("00000000-0000-4000-8000-%012x", c.st.ids)
		c.rec.Outputs["keyId"] = c.rec.ID
		c.rec.Outputs["policy"] = fmt.Sprintf(`{"Statement":[{"Action":"kms:*","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Resource":"*"}]}`,
			c.account)
		return nil
	},
	live: func(_ *State, r *record) map[string]any {
		if r.flag("enableKeyRotation") && r.num("rotationPeriodInDays") == 0 {
			return map[string]any{"rotationPeriodInDays": 365.0}
		}
		return nil
	},
}

var kmsAliasKind = &kind{
	typ: kmsAliasType, arn: "arn:aws:kms:%s:%s:%s",
	missing: "NotFoundException: Alias %s is not found.",
	oneOf:   [][]string{{"name", "namePrefix"}},
	refs:    []ref{{path: "targetKeyId", to: []string{kmsKeyType}, when: fades}}, // with the key, at the end of its waiting period
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		for _, name := range []string{"name", "namePrefix"} {
			l.pattern(name, aliasName)
			if strings.HasPrefix(l.str(name), "alias/aws/") {
				l.bad(name, "NotAuthorizedException: alias/aws/ is reserved for AWS")
			}
		}
		return l.failures()
	},
	create: func(c *call) error {
		return c.nameUnique("AlreadyExistsException: An alias with the name %s already exists")
	},
	live: func(s *State, r *record) map[string]any {
		if key := s.target(r, &ref{to: []string{kmsKeyType}}, r.str("targetKeyId")); key != nil {
			return map[string]any{"targetKeyArn": s.arn(key)}
		}
		return nil
	},
}

// managedKey is the full name of the key that AWS keeps for one of its services.
func (c *call) managedKey(service string) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/%s", c.region, c.account, service)
}

// checkKey refuses a key that is not there or is off, by id, ARN or alias. Keys may go before what they encrypt does, in life as
// here; that is why this is no reference of the tables. AWS's own keys, alias/aws/…, are always there.
func (c *call) checkKey(property string) error {
	id := c.rec.str(property)
	if id == "" || !c.changed(property) || strings.HasPrefix(id, "alias/aws/") || strings.HasPrefix(id, c.managedKey("")) {
		return nil
	}
	found := c.st.target(c.rec, &ref{to: []string{kmsAliasType, kmsKeyType}}, id)
	if found != nil && found.Type == kmsAliasType {
		found = c.find(found.str("targetKeyId"), kmsKeyType)
	}
	switch {
	case found == nil:
		return c.missing(&ref{to: []string{kmsKeyType}}, id)
	case !found.flag("isEnabled"):
		return refused("KMSInvalidStateException: %s is disabled.", found.ID)
	}
	return nil
}

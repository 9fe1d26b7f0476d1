package emulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	BucketType                  = "aws:s3/bucketV2:BucketV2"
	BucketPublicAccessBlockType = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	BucketEncryptionType        = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	BucketVersioningType        = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	BucketPolicyType            = "aws:s3/bucketPolicy:BucketPolicy"
	BucketOwnershipType         = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
)

const noBucket = "NoSuchBucket: The specified bucket does not exist: %s"

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// bucketKind: what used to be set inline has types of its own here.
var bucketKind = &Kind{
	Type:           BucketType,
	Missing:        noBucket,
	InUse:          "BucketNotEmpty: The bucket you tried to delete is not empty: %s",
	AutoNameLength: 63, NameInput: "bucket",
	Defaults:  map[string]any{"forceDestroy": false},
	WriteOnly: []string{"forceDestroy"},
	AtMostOne: [][]string{{"bucket", "bucketPrefix"}},
	Unsupported: []string{"accelerationStatus", "acl", "corsRules", "grants", "lifecycleRules", "loggings", "objectLockConfiguration",
		"objectLockEnabled", "policy", "replicationConfigurations", "requestPayer", "serverSideEncryptionConfigurations", "versionings", "websites"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := ReadInputs(m)
		l.CheckPattern("bucket", bucketName)
		if strings.Contains(l.Text("bucket"), "..") {
			l.Fail("bucket", "InvalidBucketName: %q has two dots in a row", l.Text("bucket"))
		}
		return l.Failures()
	},
	Create: func(c *Call) error {
		name := c.New.Text("bucket")
		for _, other := range c.State.RecordsOf(BucketType) { // names are unique in all accounts and regions
			if other.ID == name && other.Account == c.Account {
				return Refuse("BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it. (%s in %s)", name, other.Region)
			}
			if other.ID == name {
				return Refuse("BucketAlreadyExists: The requested bucket name is not available: %s", name)
			}
		}
		c.New.ID = name
		c.New.Outputs["arn"] = "arn:aws:s3:::" + name
		c.New.Outputs["region"] = c.Region
		c.New.Outputs["bucketDomainName"] = name + ".s3.amazonaws.com"
		c.New.Outputs["bucketRegionalDomainName"] = fmt.Sprintf("%s.s3.%s.amazonaws.com", name, c.Region)
		c.New.Outputs["requestPayer"] = "BucketOwner"
		return nil
	},
	Delete: func(c *Call) error {
		if c.Old.Bool("forceDestroy") {
			for _, u := range c.State.ReferrersOf(c.Old.Key) {
				c.Drop(u.Key)
			}
		}
		return nil
	},
}

// bucketAspectKind holds the rules of what a bucket has one of, and what goes with it: its policy, its encryption.
func bucketAspectKind(typ string, check func(*Inputs), place func(*Call) error) *Kind {
	return &Kind{
		Type:        typ,
		Missing:     noBucket,
		Unsupported: []string{"expectedBucketOwner", "mfa"},
		References:  []Reference{{Path: "bucket", To: []string{BucketType}, OnDelete: Cascade}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			check(l)
			return l.Failures()
		},
		Create: func(c *Call) error {
			c.New.ID = c.New.Text("bucket")
			if c.Find(c.New.ID, typ) != nil { // the API would overwrite it silently
				return Refuse("OperationAborted: the bucket %s has one already", c.New.ID)
			}
			if place != nil {
				return place(c)
			}
			return nil
		},
		Update: place,
	}
}

// publicAccessBlockKind holds the rules of what keeps a bucket from being public.
func publicAccessBlockKind() *Kind {
	k := bucketAspectKind(BucketPublicAccessBlockType, func(*Inputs) {}, nil)
	k.Defaults = map[string]any{
		"blockPublicAcls": false, "blockPublicPolicy": false, "ignorePublicAcls": false, "restrictPublicBuckets": false}
	return k
}

func checkBucketEncryption(l *Inputs) {
	rules := l.Items("rules")
	if len(rules) != 1 {
		l.Fail("rules", "MalformedXML: want one rule, not %d", len(rules))
	}
	for _, r := range rules {
		how := r.Nested("applyServerSideEncryptionByDefault")
		how.CheckChoice("sseAlgorithm", "AES256", "aws:kms", "aws:kms:dsse")
		if how.Text("sseAlgorithm") == "AES256" && how.Has("kmsMasterKeyId") {
			how.Fail("kmsMasterKeyId", "InvalidArgument: a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	}
}

func checkVersioning(l *Inputs) {
	v := l.Nested("versioningConfiguration")
	v.CheckChoice("status", "Enabled", "Suspended", "Disabled")
	v.RefuseUnsupported("mfaDelete")
}

func checkOwnership(l *Inputs) {
	l.Nested("rule").CheckChoice("objectOwnership", "BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")
}

func checkBucketPolicy(l *Inputs) {
	if s, known := l.Values["policy"].(string); known {
		l.Add(checkPolicyDocument(resource.PropertyMap{"policy": resource.NewProperty(s)}, "policy")...)
	}
}

// checkPublicPolicy refuses a policy that lets everyone in while the bucket's access block forbids that.
func checkPublicPolicy(c *Call) error {
	block := c.Find(c.New.Text("bucket"), BucketPublicAccessBlockType)
	if block != nil && block.Bool("blockPublicPolicy") && allowsEveryone(c.New.Text("policy")) {
		return Refuse("AccessDenied: User is not authorized to perform: s3:PutBucketPolicy on resource: %q "+
			"because public policies are blocked by the BlockPublicPolicy block public access setting.", "arn:aws:s3:::"+c.New.Text("bucket"))
	}
	return nil
}

// allowsEveryone says whether a statement of a policy allows something to all the world, without any condition. S3 looks at the
// conditions, too; those that it finds too weak are not found here.
func allowsEveryone(policy string) bool {
	var doc struct{ Statement any }
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		return false
	}
	list := Objects(doc.Statement)
	if one, ok := doc.Statement.(map[string]any); ok {
		list = []map[string]any{one}
	}
	return slices.ContainsFunc(list, func(s map[string]any) bool {
		who := s["Principal"]
		if m, ok := who.(map[string]any); ok {
			who = m["AWS"]
		}
		return Text(s["Effect"]) == "Allow" && (Text(who) == "*" || slices.Contains(Texts(who), "*")) && s["Condition"] == nil
	})
}

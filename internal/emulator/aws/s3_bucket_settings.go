package aws

import (
	"encoding/json"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// BucketPublicAccessBlockType is the Pulumi type token of a bucket's block of public access.
const BucketPublicAccessBlockType = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"

// BucketEncryptionType is the Pulumi type token of a bucket's default encryption.
const BucketEncryptionType = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"

// BucketVersioningType is the Pulumi type token of a bucket's versioning.
const BucketVersioningType = "aws:s3/bucketVersioningV2:BucketVersioningV2"

// BucketPolicyType is the Pulumi type token of a bucket's policy.
const BucketPolicyType = "aws:s3/bucketPolicy:BucketPolicy"

// BucketOwnershipType is the Pulumi type token of a bucket's rule for who owns uploaded objects.
const BucketOwnershipType = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"

// bucketAspectKind holds the rules of a setting that a bucket has once, and that is deleted with it: its policy, its encryption.
func bucketAspectKind(typ string, check func(*cloud.Inputs), place func(*cloud.Call) error) *cloud.Kind {
	return &cloud.Kind{
		Type:        typ,
		Missing:     noBucket,
		Unsupported: []string{"expectedBucketOwner", "mfa"},
		References:  []cloud.Reference{{Path: "bucket", To: []string{BucketType}, OnDelete: cloud.Cascade}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			check(in)
			return in.Failures()
		},
		Create: func(c *cloud.Call) error {
			c.New.ID = c.New.Text("bucket")
			if c.Find(c.New.ID, typ) != nil { // the API would overwrite it silently
				return cloud.Refuse("OperationAborted: the bucket %s already has one", c.New.ID)
			}
			if place != nil {
				return place(c)
			}
			return nil
		},
		Update: place,
	}
}

// publicAccessBlockKind holds the rules of a bucket's public access block.
func publicAccessBlockKind() *cloud.Kind {
	k := bucketAspectKind(BucketPublicAccessBlockType, func(*cloud.Inputs) {}, nil)
	k.Defaults = map[string]any{
		"blockPublicAcls": false, "blockPublicPolicy": false, "ignorePublicAcls": false, "restrictPublicBuckets": false}
	return k
}

func checkBucketEncryption(in *cloud.Inputs) {
	rules := in.Items("rules")
	if len(rules) != 1 {
		in.Fail("rules", "MalformedXML: want one rule, not %d", len(rules))
	}
	for _, r := range rules {
		how := r.Nested("applyServerSideEncryptionByDefault")
		how.CheckChoice("sseAlgorithm", "AES256", "aws:kms", "aws:kms:dsse")
		if how.Text("sseAlgorithm") == "AES256" && how.Has("kmsMasterKeyId") {
			how.Fail("kmsMasterKeyId",
				"InvalidArgument: a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	}
}

func checkVersioning(in *cloud.Inputs) {
	v := in.Nested("versioningConfiguration")
	v.CheckChoice("status", "Enabled", "Suspended", "Disabled")
	v.RefuseUnsupported("mfaDelete")
}

func checkOwnership(in *cloud.Inputs) {
	in.Nested("rule").CheckChoice("objectOwnership", "BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")
}

func checkBucketPolicy(in *cloud.Inputs) {
	if s, known := in.Values["policy"].(string); known {
		in.Add(checkPolicyDocument(resource.PropertyMap{"policy": resource.NewProperty(s)}, "policy")...)
	}
}

// checkPublicPolicy refuses a policy that allows everyone while the bucket's public access block forbids that.
func checkPublicPolicy(c *cloud.Call) error {
	block := c.Find(c.New.Text("bucket"), BucketPublicAccessBlockType)
	if block != nil && block.Bool("blockPublicPolicy") && allowsEveryone(c.New.Text("policy")) {
		return cloud.Refuse("AccessDenied: User is not authorized to perform: s3:PutBucketPolicy on resource: %q "+
			"because public policies are blocked by the BlockPublicPolicy block public access setting.", "arn:aws:s3:::"+c.New.Text("bucket"))
	}
	return nil
}

// allowsEveryone reports whether a statement of a policy allows an action to everyone, without any condition. S3 also finds conditions
// that are too weak; the emulator does not.
func allowsEveryone(policy string) bool {
	var doc struct{ Statement any }
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		return false
	}
	list := cloud.Objects(doc.Statement)
	if one, ok := doc.Statement.(map[string]any); ok {
		list = []map[string]any{one}
	}
	return slices.ContainsFunc(list, func(s map[string]any) bool {
		who := s["Principal"]
		if m, ok := who.(map[string]any); ok {
			who = m["AWS"]
		}
		return cloud.Text(s["Effect"]) == "Allow" && (cloud.Text(who) == "*" || slices.Contains(cloud.Texts(who), "*")) && s["Condition"] == nil
	})
}

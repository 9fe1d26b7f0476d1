package aws

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// checkPolicyDocument refuses a policy that is not a JSON object with statements.
func checkPolicyDocument(m resource.PropertyMap, name string) []catalog.Failure {
	s, known := cloud.KnownText(m, name)
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

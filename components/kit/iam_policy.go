package kit

import "encoding/json"

// The services that assume Beachhead's roles.
const (
	EC2Service              = "ec2.amazonaws.com"
	FlowLogService          = "vpc-flow-logs.amazonaws.com"
	LifecycleManagerService = "dlm.amazonaws.com"
)

// The effects of a statement.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// policyVersion is the version of the policy language. Source: IAM user guide, "IAM JSON policy elements: Version".
const policyVersion = "2012-10-17"

// Effect is what a statement does with the requests that match it.
type Effect string

// Statement is one statement of an IAM policy.
type Statement struct {
	// ID is the statement's Sid. Empty: it has none.
	ID string
	// Effect is Allow if it is empty.
	Effect Effect
	// Principal is the one that the statement is about, in the policy of a resource. Policies of roles have none.
	Principal Principal
	// Actions are calls of AWS, such as ssm:GetParameter.
	Actions []string
	// Resources are ARNs, which may contain stars. In the policy of a key, * is the key itself.
	Resources []string
	// Conditions narrow the statement. Nil: no condition.
	Conditions Conditions
}

// Conditions are values by operator and condition key, such as StringEquals, aws:SourceAccount.
type Conditions map[string]map[string]string

// StringEquals returns the condition that every key has exactly the given value.
func StringEquals(values map[string]string) Conditions {
	return Conditions{"StringEquals": values}
}

// Principal is an account, a service or everybody.
type Principal struct {
	// kind is AWS or Service. Empty: the principal is everybody.
	kind, name string
}

// Everybody is every principal, anonymous ones included.
var Everybody = Principal{name: "*"}

// AccountPrincipal returns the principal of an account's administrators. IAM policies of the account decide who they are.
func AccountPrincipal(account string) Principal {
	return Principal{kind: "AWS", name: "arn:aws:iam::" + account + ":root"}
}

// ServicePrincipal returns the principal of an AWS service, such as cloudwatch.amazonaws.com.
func ServicePrincipal(service string) Principal {
	return Principal{kind: "Service", name: service}
}

// MarshalJSON writes a principal as policies have it: a star, or an object with one key.
func (p Principal) MarshalJSON() ([]byte, error) {
	if p.kind == "" {
		return json.Marshal(p.name)
	}
	return json.Marshal(map[string]string{p.kind: p.name})
}

// The documents below have one layout each. The bytes of a policy are part of a live stack's state, so that another order of keys, or a
// list in place of a single text, shows up as a change in the preview of every region.

type document[S any] struct {
	Version   string
	Statement []S
}

// roleStatement always writes lists.
type roleStatement struct {
	Effect    Effect
	Action    []string
	Resource  []string
	Condition Conditions `json:",omitempty"`
}

// resourceStatement writes a single action or resource without a list.
type resourceStatement struct {
	Sid       string `json:",omitempty"`
	Effect    Effect
	Principal Principal
	Action    textOrList
	Resource  textOrList
	Condition Conditions `json:",omitempty"`
}

type trustStatement struct {
	Effect    Effect
	Action    string
	Principal Principal
}

type textOrList []string

func (l textOrList) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]string(l))
}

// RolePolicy returns the JSON text of a role's policy. It grants what the statements allow and nothing else.
func RolePolicy(statements ...Statement) (string, error) {
	return encodePolicy(statements, func(s Statement) roleStatement {
		return roleStatement{Effect: s.effect(), Action: s.Actions, Resource: s.Resources, Condition: s.Conditions}
	})
}

// ResourcePolicy returns the JSON text of the policy of a resource, such as a bucket or a key. Its statements have principals.
func ResourcePolicy(statements ...Statement) (string, error) {
	return encodePolicy(statements, func(s Statement) resourceStatement {
		return resourceStatement{
			Sid: s.ID, Effect: s.effect(), Principal: s.Principal, Action: s.Actions, Resource: s.Resources, Condition: s.Conditions,
		}
	})
}

// TrustPolicy returns the JSON text of the policy by which a service assumes a role.
func TrustPolicy(service string) (string, error) {
	return encodePolicy([]Statement{{Principal: ServicePrincipal(service)}}, func(s Statement) trustStatement {
		return trustStatement{Effect: s.effect(), Action: "sts:AssumeRole", Principal: s.Principal}
	})
}

func encodePolicy[S any](statements []Statement, layOut func(Statement) S) (string, error) {
	policy := document[S]{Version: policyVersion}
	for _, s := range statements {
		policy.Statement = append(policy.Statement, layOut(s))
	}
	text, err := json.Marshal(policy)
	return string(text), err
}

func (s Statement) effect() Effect {
	if s.Effect == "" {
		return Allow
	}
	return s.Effect
}

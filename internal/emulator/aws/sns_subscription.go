package aws

import (
	"net/mail"
	"net/url"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// TopicSubscriptionType is the Pulumi type token of a subscription to an SNS topic.
const TopicSubscriptionType = "aws:sns/topicSubscription:TopicSubscription"

// Subscriptions stay unconfirmed: a person or an endpoint would need to answer.
var subscriptionKind = &cloud.Kind{
	Type:        TopicSubscriptionType,
	Missing:     "NotFoundException: Subscription does not exist (%s)",
	Defaults:    map[string]any{"confirmationTimeoutInMinutes": 1.0, "endpointAutoConfirms": false, "rawMessageDelivery": false},
	WriteOnly:   []string{"confirmationTimeoutInMinutes", "endpointAutoConfirms"},
	Unsupported: []string{"deliveryPolicy", "filterPolicy", "filterPolicyScope", "redrivePolicy", "replayPolicy", "subscriptionRoleArn"},
	References:  []cloud.Reference{{Path: "topic", To: []string{TopicType}, OnDelete: cloud.Cascade}},
	Check:       checkSubscription,
	Create: func(c *cloud.Call) error {
		for _, other := range c.ListHere(TopicSubscriptionType) {
			if other.Text("topic") == c.New.Text("topic") && other.Text("protocol") == c.New.Text("protocol") &&
				other.Text("endpoint") == c.New.Text("endpoint") {
				return cloud.Refuse("InvalidParameter: Subscription already exists: %s", other.ID) // Subscribe would return the one that is there
			}
		}
		c.New.ID = c.New.Text("topic") + ":" + c.NewID("subscription")
		c.New.Outputs["arn"] = c.New.ID
		c.New.Outputs["pendingConfirmation"] = true
		return nil
	},
}

func checkSubscription(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckSupported("protocol", "email", "https")
	endpoint, known := in.Values["endpoint"].(string)
	if !known {
		return in.Failures()
	}
	// The messages do not contain the endpoint: it may be a secret.
	switch in.Text("protocol") {
	case "email":
		if a, err := mail.ParseAddress(endpoint); err != nil || a.Address != endpoint {
			in.Fail("endpoint", "InvalidParameter: Invalid parameter: Email address")
		}
		if cloud.Bool(in.Values["rawMessageDelivery"]) {
			in.Fail("rawMessageDelivery", "InvalidParameter: Delivery protocol [email] does not support raw message delivery.")
		}
	case "https":
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "https" || u.Hostname() == "" {
			in.Fail("endpoint", "InvalidParameter: Invalid parameter: Endpoint must match the specified protocol")
		}
	}
	return in.Failures()
}

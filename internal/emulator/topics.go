package emulator

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	TopicType             = "aws:sns/topic:Topic"
	TopicPolicyType       = "aws:sns/topicPolicy:TopicPolicy"
	TopicSubscriptionType = "aws:sns/topicSubscription:TopicSubscription"
)

var topicName = regexp.MustCompile(`^[\w-]{1,256}$`)

var topicKind = &Kind{
	Type: TopicType, ARN: "arn:aws:sns:%s:%s:%s",
	Missing:        "NotFoundException: Topic does not exist (%s)",
	AutoNameLength: 256,
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	Unsupported: []string{"applicationFailureFeedbackRoleArn", "applicationSuccessFeedbackRoleArn", "applicationSuccessFeedbackSampleRate",
		"archivePolicy", "contentBasedDeduplication", "deliveryPolicy", "fifoThroughputScope", "fifoTopic", "firehoseFailureFeedbackRoleArn",
		"firehoseSuccessFeedbackRoleArn", "firehoseSuccessFeedbackSampleRate", "httpFailureFeedbackRoleArn", "httpSuccessFeedbackRoleArn",
		"httpSuccessFeedbackSampleRate", "lambdaFailureFeedbackRoleArn", "lambdaSuccessFeedbackRoleArn", "lambdaSuccessFeedbackSampleRate",
		"sqsFailureFeedbackRoleArn", "sqsSuccessFeedbackRoleArn", "sqsSuccessFeedbackSampleRate"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := ReadInputs(m)
		l.CheckPattern("name", topicName)
		l.CheckRange("signatureVersion", 1, 2)
		l.CheckChoice("tracingConfig", "Active", "PassThrough")
		if len(l.Text("displayName")) > 100 {
			l.Fail("displayName", "must be at most 100 long")
		}
		return slices.Concat(l.Failures(), checkPolicyDocument(m, "policy"))
	},
	Create: func(c *Call) error {
		c.New.ID = fmt.Sprintf(c.Kind.ARN, c.Region, c.Account, c.New.Text("name"))
		if c.Find(c.New.ID, TopicType) != nil {
			return Refuse("InvalidParameter: Topic already exists: %s", c.New.ID) // CreateTopic would return the one that is there
		}
		c.New.Outputs["arn"] = c.New.ID
		c.New.Outputs["owner"] = c.Account
		c.New.Outputs["policy"] = fmt.Sprintf(`{"Statement":[{"Action":["SNS:Publish","SNS:Subscribe"],"Condition":{"StringEquals":{"AWS:SourceOwner":%q}},`+
			`"Effect":"Allow","Principal":{"AWS":"*"},"Resource":%q}]}`, c.Account, c.New.ID)
		return checkKMSKey(c, "kmsMasterKeyId")
	},
	Update: func(c *Call) error { return checkKMSKey(c, "kmsMasterKeyId") },
}

var topicPolicyKind = &Kind{
	Type:       TopicPolicyType,
	Missing:    topicKind.Missing,
	References: []Reference{{Path: "arn", To: []string{TopicType}, OnDelete: Cascade}},
	Check:      func(m resource.PropertyMap) []catalog.Failure { return checkPolicyDocument(m, "policy") },
	Create: func(c *Call) error {
		if c.New.ID = c.New.Text("arn"); c.Find(c.New.ID, TopicPolicyType) != nil {
			return Refuse("the topic %s has a policy already", c.New.ID) // SetTopicAttributes would overwrite it silently
		}
		c.New.Outputs["owner"] = c.Account
		return nil
	},
}

// Subscriptions stay unconfirmed: a person or an endpoint would have to answer.
var subscriptionKind = &Kind{
	Type:        TopicSubscriptionType,
	Missing:     "NotFoundException: Subscription does not exist (%s)",
	Defaults:    map[string]any{"confirmationTimeoutInMinutes": 1.0, "endpointAutoConfirms": false, "rawMessageDelivery": false},
	WriteOnly:   []string{"confirmationTimeoutInMinutes", "endpointAutoConfirms"},
	Unsupported: []string{"deliveryPolicy", "filterPolicy", "filterPolicyScope", "redrivePolicy", "replayPolicy", "subscriptionRoleArn"},
	References:  []Reference{{Path: "topic", To: []string{TopicType}, OnDelete: Cascade}},
	Check:       checkSubscription,
	Create: func(c *Call) error {
		for _, other := range c.ListHere(TopicSubscriptionType) {
			if other.Text("topic") == c.New.Text("topic") && other.Text("protocol") == c.New.Text("protocol") && other.Text("endpoint") == c.New.Text("endpoint") {
				return Refuse("InvalidParameter: Subscription already exists: %s", other.ID) // Subscribe would return the one that is there
			}
		}
		c.New.ID = c.New.Text("topic") + ":" + c.NewID("subscription")
		c.New.Outputs["arn"] = c.New.ID
		c.New.Outputs["pendingConfirmation"] = true
		return nil
	},
}

func checkSubscription(m resource.PropertyMap) []catalog.Failure {
	l := ReadInputs(m)
	l.CheckSupported("protocol", "email", "https")
	endpoint, known := l.Values["endpoint"].(string)
	if !known {
		return l.Failures()
	}
	// The endpoint is not told: it may be a secret.
	switch l.Text("protocol") {
	case "email":
		if a, err := mail.ParseAddress(endpoint); err != nil || a.Address != endpoint {
			l.Fail("endpoint", "InvalidParameter: Invalid parameter: Email address")
		}
		if Bool(l.Values["rawMessageDelivery"]) {
			l.Fail("rawMessageDelivery", "InvalidParameter: Delivery protocol [email] does not support raw message delivery.")
		}
	case "https":
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "https" || u.Hostname() == "" {
			l.Fail("endpoint", "InvalidParameter: Invalid parameter: Endpoint must match the specified protocol")
		}
	}
	return l.Failures()
}

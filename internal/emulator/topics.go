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
	topicType        = "aws:sns/topic:Topic"
	topicPolicyType  = "aws:sns/topicPolicy:TopicPolicy"
	subscriptionType = "aws:sns/topicSubscription:TopicSubscription"
)

func init() {
	define(topicKind, topicPolicyKind, subscriptionKind)
}

var topicName = regexp.MustCompile(`^[\w-]{1,256}$`)

var topicKind = &kind{
	typ: topicType, arn: "arn:aws:sns:%s:%s:%s",
	missing:  "NotFoundException: Topic does not exist (%s)",
	autoName: 256,
	notBoth:  [][]string{{"name", "namePrefix"}},
	refuse: []string{"applicationFailureFeedbackRoleArn", "applicationSuccessFeedbackRoleArn", "applicationSuccessFeedbackSampleRate",
		"archivePolicy", "contentBasedDeduplication", "deliveryPolicy", "fifoThroughputScope", "fifoTopic", "firehoseFailureFeedbackRoleArn",
		"firehoseSuccessFeedbackRoleArn", "firehoseSuccessFeedbackSampleRate", "httpFailureFeedbackRoleArn", "httpSuccessFeedbackRoleArn",
		"httpSuccessFeedbackSampleRate", "lambdaFailureFeedbackRoleArn", "lambdaSuccessFeedbackRoleArn", "lambdaSuccessFeedbackSampleRate",
		"sqsFailureFeedbackRoleArn", "sqsSuccessFeedbackRoleArn", "sqsSuccessFeedbackSampleRate"},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.pattern("name", topicName)
		l.number("signatureVersion", 1, 2)
		l.choice("tracingConfig", "Active", "PassThrough")
		if len(l.str("displayName")) > 100 {
			l.bad("displayName", "must be at most 100 long")
		}
		return slices.Concat(l.failures(), checkDocument(m, "policy"))
	},
	create: func(c *call) error {
		c.rec.ID = fmt.Sprintf(c.kind.arn, c.region, c.account, c.rec.str("name"))
		if c.find(c.rec.ID, topicType) != nil {
			return refused("InvalidParameter: Topic already exists: %s", c.rec.ID) // CreateTopic would return the one that is there
		}
		c.rec.Outputs["arn"] = c.rec.ID
		c.rec.Outputs["owner"] = c.account
		c.rec.Outputs["policy"] = fmt.Sprintf(`{"Statement":[{"Action":["SNS:Publish","SNS:Subscribe"],"Condition":{"StringEquals":{"AWS:SourceOwner":%q}},`+
			`"Effect":"Allow","Principal":{"AWS":"*"},"Resource":%q}]}`, c.account, c.rec.ID)
		return c.checkKey("kmsMasterKeyId")
	},
	update: func(c *call) error { return c.checkKey("kmsMasterKeyId") },
}

var topicPolicyKind = &kind{
	typ:     topicPolicyType,
	missing: topicKind.missing,
	refs:    []ref{{path: "arn", to: []string{topicType}, when: fades}},
	check:   func(m resource.PropertyMap) []catalog.Failure { return checkDocument(m, "policy") },
	create: func(c *call) error {
		if c.rec.ID = c.rec.str("arn"); c.find(c.rec.ID, topicPolicyType) != nil {
			return refused("the topic %s has a policy already", c.rec.ID) // SetTopicAttributes would overwrite it silently
		}
		c.rec.Outputs["owner"] = c.account
		return nil
	},
}

// Subscriptions stay unconfirmed: a person or an endpoint would have to answer.
var subscriptionKind = &kind{
	typ:      subscriptionType,
	missing:  "NotFoundException: Subscription does not exist (%s)",
	defaults: map[string]any{"confirmationTimeoutInMinutes": 1.0, "endpointAutoConfirms": false, "rawMessageDelivery": false},
	unread:   []string{"confirmationTimeoutInMinutes", "endpointAutoConfirms"},
	refuse:   []string{"deliveryPolicy", "filterPolicy", "filterPolicyScope", "redrivePolicy", "replayPolicy", "subscriptionRoleArn"},
	refs:     []ref{{path: "topic", to: []string{topicType}, when: fades}},
	check:    checkSubscription,
	create: func(c *call) error {
		for _, other := range c.here(subscriptionType) {
			if other.str("topic") == c.rec.str("topic") && other.str("protocol") == c.rec.str("protocol") && other.str("endpoint") == c.rec.str("endpoint") {
				return refused("InvalidParameter: Subscription already exists: %s", other.ID) // Subscribe would return the one that is there
			}
		}
		c.rec.ID = c.rec.str("topic") + ":" + c.newID("subscription")
		c.rec.Outputs["arn"] = c.rec.ID
		c.rec.Outputs["pendingConfirmation"] = true
		return nil
	},
}

func checkSubscription(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.only("protocol", "email", "https")
	endpoint, known := l.in["endpoint"].(string)
	if !known {
		return l.failures()
	}
	// The endpoint is not told: it may be a secret.
	switch l.str("protocol") {
	case "email":
		if a, err := mail.ParseAddress(endpoint); err != nil || a.Address != endpoint {
			l.bad("endpoint", "InvalidParameter: Invalid parameter: Email address")
		}
		if flag(l.in["rawMessageDelivery"]) {
			l.bad("rawMessageDelivery", "InvalidParameter: Delivery protocol [email] does not support raw message delivery.")
		}
	case "https":
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "https" || u.Hostname() == "" {
			l.bad("endpoint", "InvalidParameter: Invalid parameter: Endpoint must match the specified protocol")
		}
	}
	return l.failures()
}

package aws

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// TopicType is the Pulumi type token of an SNS topic.
const TopicType = "aws:sns/topic:Topic"

// TopicPolicyType is the Pulumi type token of the access policy of an SNS topic.
const TopicPolicyType = "aws:sns/topicPolicy:TopicPolicy"

var topicName = regexp.MustCompile(`^[\w-]{1,256}$`)

var topicKind = &cloud.Kind{
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
		in := cloud.ReadInputs(m)
		in.CheckPattern("name", topicName)
		in.CheckRange("signatureVersion", 1, 2)
		in.CheckChoice("tracingConfig", "Active", "PassThrough")
		if len(in.Text("displayName")) > 100 {
			in.Fail("displayName", "must be at most 100 long")
		}
		return slices.Concat(in.Failures(), checkPolicyDocument(m, "policy"))
	},
	Create: func(c *cloud.Call) error {
		c.New.ID = fmt.Sprintf(c.Kind.ARN, c.Region, c.Account, c.New.Text("name"))
		if c.Find(c.New.ID, TopicType) != nil {
			return cloud.Refuse("InvalidParameter: Topic already exists: %s", c.New.ID) // CreateTopic would return the one that is there
		}
		c.New.Outputs["arn"] = c.New.ID
		c.New.Outputs["owner"] = c.Account
		c.New.Outputs["policy"] = fmt.Sprintf(`{"Statement":[{"Action":["SNS:Publish","SNS:Subscribe"],"Condition":{"StringEquals":{"AWS:SourceOwner":%q}},`+
			`"Effect":"Allow","Principal":{"AWS":"*"},"Resource":%q}]}`, c.Account, c.New.ID)
		return checkKMSKey(c, "kmsMasterKeyId")
	},
	Update: func(c *cloud.Call) error { return checkKMSKey(c, "kmsMasterKeyId") },
}

var topicPolicyKind = &cloud.Kind{
	Type:       TopicPolicyType,
	Missing:    topicKind.Missing,
	References: []cloud.Reference{{Path: "arn", To: []string{TopicType}, OnDelete: cloud.Cascade}},
	Check:      func(m resource.PropertyMap) []catalog.Failure { return checkPolicyDocument(m, "policy") },
	Create: func(c *cloud.Call) error {
		if c.New.ID = c.New.Text("arn"); c.Find(c.New.ID, TopicPolicyType) != nil {
			return cloud.Refuse("the topic %s already has a policy", c.New.ID) // SetTopicAttributes would overwrite it silently
		}
		c.New.Outputs["owner"] = c.Account
		return nil
	},
}

package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createTopic creates the SNS topic of notifications, encrypted with a key of its own. SNS's own key would do for encryption, but
// CloudWatch may not use it, and notifications of alarms would be lost without an error.
func (b *builder) createTopic() error {
	policy, err := allowAlarms(b.args.Account)
	if err != nil {
		return err
	}
	key, err := kit.Create(b.Component, kms.NewKey, b.Name(), &kms.KeyArgs{
		Description: pulumi.String("Notifications of " + b.args.Stack), EnableKeyRotation: pulumi.Bool(true),
		Policy: pulumi.String(policy), Tags: kit.NameTag(b.Name()),
	})
	if err != nil {
		return err
	}
	b.topic, err = kit.Create(b.Component, sns.NewTopic, b.Name(), &sns.TopicArgs{
		DisplayName: pulumi.String("Beachhead " + b.args.Stack), KmsMasterKeyId: key.ID(), Tags: kit.NameTag(b.Name()),
	})
	return err
}

// allowAlarms returns the policy of the topic's key. The account's administrators manage the key, as their own policies allow, and
// CloudWatch uses it for this account's alarms. In a key's policy, * is the key itself.
func allowAlarms(account string) (string, error) {
	return kit.ResourcePolicy(
		kit.Statement{Principal: kit.AccountPrincipal(account), Actions: []string{"kms:*"}, Resources: []string{"*"}},
		kit.Statement{
			Principal: kit.ServicePrincipal("cloudwatch.amazonaws.com"), Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"},
			Resources: []string{"*"}, Conditions: kit.StringEquals(map[string]string{"aws:SourceAccount": account}),
		},
	)
}

func (b *builder) subscribeAll() error {
	for _, address := range b.args.Email {
		if err := b.subscribeEndpoint("email", address, pulumi.String(address)); err != nil {
			return err
		}
	}
	for _, hook := range b.args.Webhooks {
		// Anybody who knows the address of a chat room's webhook can post there. The region file contains it; logs and state must not.
		if err := b.subscribeEndpoint("https", webhookKey(hook), pulumi.ToSecret(pulumi.String(hook)).(pulumi.StringOutput)); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) subscribeEndpoint(protocol, key string, endpoint pulumi.StringInput) error {
	_, err := kit.Create(b.Component, sns.NewTopicSubscription, b.ChildName(protocol, key), &sns.TopicSubscriptionArgs{
		Topic: b.topic.Arn, Protocol: pulumi.String(protocol), Endpoint: endpoint,
	})
	return err
}

// webhookKey returns a name for a webhook that does not contain its path, which may be a secret: its host, for people, and a part of its
// hash, since one host has many webhooks.
func webhookKey(hook string) string {
	sum := sha256.Sum256([]byte(hook))
	return webhookHost(hook) + "-" + hex.EncodeToString(sum[:4])
}

// webhookHost returns the host of an https address without its port, or an empty text if it is not one.
func webhookHost(hook string) string {
	u, err := url.Parse(hook)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return u.Hostname()
}

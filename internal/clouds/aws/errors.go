package aws

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/beachhead-build/beachhead/internal/clouds"
)

// explain returns the failures among the errors of queries.
func explain(errs []error) []clouds.Failure {
	var failures []clouds.Failure
	for _, err := range errs {
		if err != nil {
			failures = append(failures, clouds.Failure{Permission: permission(err), Denied: isDenied(err), Cause: cause(err), Err: err})
		}
	}
	return failures
}

// errorCode returns the API's error code; empty when no answer arrived.
func errorCode(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// cause returns the API's error code, or the innermost error when no answer arrived.
func cause(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return clouds.InnermostCause(err)
}

// isDenied reports whether permissions are missing. EC2 and SNS have error codes of their own for it, and so have the services that speak
// JSON.
func isDenied(err error) bool {
	switch errorCode(err) {
	case "AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation":
		return true
	}
	return false
}

// isDeniedByResource reports whether a resource's own policy denies the call, and not that of the credentials. Source: IAM user guide,
// "Troubleshoot access denied error messages".
func isDeniedByResource(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && isDenied(err) && strings.Contains(api.ErrorMessage(), "no resource-based policy allows")
}

// isNotFound reports whether a resource was deleted between the list and the query about it, or never had a tag, which S3 reports as an
// error. Every service has an error code of its own for it.
func isNotFound(err error) bool {
	switch errorCode(err) {
	case "NoSuchEntity", "ResourceNotFoundException", "ResourceNotFound", "InvalidSubnetID.NotFound", "NoSuchHostedZone", "NotFound",
		"NotFoundException", "InvalidResourceId", "NoSuchBucket", "NoSuchTagSet":
		return true
	}
	return false
}

// permission returns the IAM action of the call that failed. The innermost call counts: a call to EC2 may have to assume a role first.
func permission(err error) string {
	action := "the API"
	var op *smithy.OperationError
	for errors.As(err, &op) {
		action, err = actionOf(op.Service(), op.Operation()), op.Err
	}
	return action
}

// actionOf returns the IAM action of an operation, by the SDK's names.
func actionOf(service, operation string) string {
	prefix, special := map[string]string{"Auto Scaling": "autoscaling", "CloudWatch Logs": "logs"}[service]
	if !special {
		prefix = strings.ToLower(strings.ReplaceAll(service, " ", ""))
	}
	// This is the only one of these calls whose permission has another name.
	if prefix == "s3" && operation == "ListBuckets" {
		operation = "ListAllMyBuckets"
	}
	return prefix + ":" + operation
}

package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2/google"

	"github.com/beachhead-build/beachhead/internal/clouds"
)

// connect provides the client. It speaks plain HTTP: Google's client for Compute Engine takes 25 seconds to compile and 11 MB, for six
// calls.
func (v *Inventory) connect(ctx context.Context) error {
	if v.root == "" {
		v.root = "https://compute.googleapis.com/compute/v1/"
	}
	if v.client != nil {
		return nil
	}
	var err error
	if v.client, err = google.DefaultClient(ctx, "https://www.googleapis.com/auth/compute.readonly"); err != nil {
		return fmt.Errorf("no credentials for project %s of GCP; run `gcloud auth application-default login`, or set "+
			"GOOGLE_APPLICATION_CREDENTIALS, then run the command again: %w", v.Project, err)
	}
	return nil
}

// get reads a path below the project into a value.
func (v Inventory) get(ctx context.Context, path string, query url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.root+"projects/"+v.Project+"/"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	answer, err := v.client.Do(request)
	if err != nil {
		return &apiError{path: path, reason: clouds.InnermostCause(err), err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusOK {
		return json.NewDecoder(answer.Body).Decode(into)
	}
	failure := &apiError{path: path, reason: answer.Status}
	var body struct {
		Error struct {
			Message string
			Errors  []struct{ Reason string }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err == nil && len(body.Error.Errors) > 0 {
		failure.reason, failure.message = body.Error.Errors[0].Reason, body.Error.Message
	}
	return failure
}

// apiError is an error that Compute Engine returns, or the reason why no answer arrived.
type apiError struct {
	// path is the path of the request, below the project.
	path            string
	reason, message string
	err             error
}

func (e *apiError) Error() string { return e.permission() + ": " + e.reason + ": " + e.message }

func (e *apiError) Unwrap() error { return e.err }

// permission returns the IAM permission that the request needs.
func (e *apiError) permission() string {
	steps := strings.Split(e.path, "/")
	if last := len(steps) - 1; steps[last-1] != "securityPolicies" {
		return "compute." + steps[last] + ".list"
	}
	return "compute.securityPolicies.get"
}

func isNotFound(err error) bool {
	var failure *apiError
	return errors.As(err, &failure) && failure.reason == "notFound"
}

// explain returns the failures among the errors of queries.
func explain(errs []error) []clouds.Failure {
	var failures []clouds.Failure
	for _, err := range errs {
		if err == nil {
			continue
		}
		f := clouds.Failure{Permission: "the API", Cause: clouds.InnermostCause(err), Err: err}
		if failure := (*apiError)(nil); errors.As(err, &failure) {
			f.Permission, f.Denied, f.Cause = failure.permission(), failure.reason == "forbidden", failure.reason
		}
		failures = append(failures, f)
	}
	return failures
}

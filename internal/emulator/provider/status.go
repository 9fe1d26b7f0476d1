package provider

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// statusOf gives an error the gRPC code with which the engine is to see it.
func statusOf(err error) error {
	var r *cloud.Refusal
	if errors.As(err, &r) {
		return status.Error(r.Code, err.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Internal, err.Error())
}

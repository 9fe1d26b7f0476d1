package provider

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// statusOf returns an error with the gRPC code that the engine acts on.
func statusOf(err error) error {
	var r *cloud.RefusalError
	if errors.As(err, &r) {
		return status.Error(r.Code, err.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Internal, err.Error())
}

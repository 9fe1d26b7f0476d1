package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// ErrLate reports that a region is not ready as soon as its region file promises.
var ErrLate = errors.New("not ready in time")

// reportTypes are the types by which reports recognise resources.
var reportTypes = report.Types{
	DNSRecord: restype.DNSRecord, Endpoint: restype.VPCEndpoint, Firewall: restype.GCPFirewall, NetworkInterface: restype.NetworkInterface,
	Object: restype.BucketObject, Route: restype.Route, ScalingGroup: restype.ScalingGroup, Volume: restype.Volume,
	EIPAssociation: restype.EIPAssociation, InternetGateway: restype.InternetGateway, ManagedZone: restype.GCPManagedZone,
	NATGateway: restype.NATGateway, RecordSet: restype.GCPRecordSet, Router: restype.GCPRouter, RouterInterface: restype.GCPRouterInterface,
	RouterPeer: restype.GCPRouterPeer, VPNTunnel: restype.GCPVPNTunnel, VPNConnection: restype.VPNConnection,
	VPNGatewayAttachment: restype.VPNGatewayAttachment, VPNRoutePropagation: restype.VPNRoutePropagation,
}

// resourceGraph returns all resources that the region's program declares.
func (p Project) resourceGraph(r *Region) ([]engine.Node, error) {
	return engine.DeclaredResources(r.Plan.Name, p.regionProgram(r), r.Plan.SecretNames())
}

// timelineNode returns a resource as a node of a timeline, with the model duration of an operation on it.
func timelineNode(n engine.Node, op string) report.Node {
	return report.Node{
		URN: n.URN, Name: n.Name, Type: n.Type, After: n.After,
		Turn: reportTypes.TurnOf(n.Type, n.Inputs), Seconds: emulator.ModelSeconds(n.Type, op, n.Inputs),
	}
}

// PredictRun returns the run that creates the region from nothing, by the model durations.
func (p Project) PredictRun(r *Region) (report.Run, error) {
	graph, err := p.resourceGraph(r)
	if err != nil {
		return report.Run{}, err
	}
	var nodes []report.Node
	for _, n := range graph {
		nodes = append(nodes, timelineNode(n, "create"))
	}
	return r.summarizeRun(report.Model, report.Timeline(nodes)), nil
}

// measureRun returns the run that the timer has recorded: by the clock, or by the model durations where the pace is 0, since an emulated
// cloud that does not wait has no times of its own.
func (s *Session) measureRun() (report.Run, error) {
	graph, err := s.project.resourceGraph(s.Region)
	if err != nil {
		return report.Run{}, err
	}
	var nodes []report.Node
	paced := map[string]report.Interval{}
	for _, n := range graph {
		if op, done := s.timer.ops[n.URN]; done {
			nodes = append(nodes, timelineNode(n, op))
			at := s.timer.worked[n.URN]
			paced[n.URN] = report.Interval{Start: at.Start * s.pace, End: at.End * s.pace}
		}
	}
	run := s.summarizeRun(report.Model, report.Timeline(nodes))
	if s.pace > 0 {
		run = s.summarizeRun(report.Measured, report.Observed(nodes, paced))
	}
	run.Began = s.timer.began
	return run, nil
}

// summarizeRun adds to the spans of a run its critical path and its times to ready.
func (r *Region) summarizeRun(kind report.Kind, spans []report.Span) report.Run {
	m := emulator.MachineModel()
	var launching []string
	for _, f := range r.Plan.Fleets {
		if f.Launching {
			launching = append(launching, f.Name)
		}
	}
	return report.Run{
		Region: r.Plan.Name, Kind: kind, Promised: time.Duration(r.Config.Ready).Seconds(), Spans: spans, Critical: report.CriticalPath(spans),
		Times: reportTypes.TimesToReady(spans, report.Machine{
			LaunchToLogin: m.LaunchToLogin, Packages: m.Packages, SelfCheck: m.SelfCheck, Register: m.Register,
			AttachVolume: emulator.ModelSeconds(restype.VolumeAttachment, "create", nil),
			OverLink:     r.Config.Network.Egress == regionfile.None,
		}, launching),
	}
}

// CheckPromise returns an error that wraps ErrLate if a run is ready later than its region file promises.
func CheckPromise(run report.Run, file string) error {
	for _, c := range report.Compare(run.Times, run.Promised) {
		if c.Late() {
			return fmt.Errorf("%w: %s after %s; the timeline shows which steps take long; shorten those, or raise ready in %s",
				ErrLate, c.Goal, c, file)
		}
	}
	return nil
}

// writeTimeline writes a run into .beachhead/timelines and returns the file's path.
func (p Project) writeTimeline(op Operation, run report.Run) (path string, err error) {
	dir := filepath.Join(p.privateDir(), "timelines")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("creating the folder for timelines: %w", err)
	}
	path = filepath.Join(dir, fmt.Sprintf("%s-%s-%s.json", run.Region, time.Now().UTC().Format("20060102T150405Z"), op.Name))
	file, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("creating the timeline's file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return path, report.Write(file, run)
}

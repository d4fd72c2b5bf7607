// A sample VNFM: the manager of a project's application, as fenix sees it. Copy it and put your application in.
//
// It registers what its instances demand of a maintenance, hears every notice, does what is asked and answers. What it
// heard and answered is printed, a line each; README.md of clients/ says how.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"

	"github.com/fenix-grpc/fenix/clients/go"
	pb "github.com/fenix-grpc/fenix/clients/go/fenixv1"
)

type vnfm struct {
	projects    pb.ProjectServiceClient
	constraints pb.ConstraintServiceClient
	project     string
	ownAction   string // id or name of the instance that makes room by itself
	onOwnAction string // the command that does it
	listening   sync.Once
	registered  bool
	ownActions  sync.WaitGroup
}

func main() {
	log.SetFlags(0)
	server := flag.String("server", "127.0.0.1:12348", "address of fenix")
	token := flag.String("token", os.Getenv("FENIX_TOKEN"), "who is calling, such as a Keystone token")
	ca := flag.String("ca", "", "file with the certificates to trust; plain text without it")
	var v vnfm
	flag.StringVar(&v.project, "project", "", "id of the project to speak for")
	flag.StringVar(&v.ownAction, "own-action", "", "id or name of the instance that is replaced instead of moved")
	flag.StringVar(&v.onOwnAction, "on-own-action", "", "command that replaces it; its id is appended")
	flag.Parse()
	if v.project == "" {
		log.Fatal("say whom to speak for: --project ID")
	}
	conn, err := fenix.Dial(*server, *token, *ca)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	v.projects, v.constraints = pb.NewProjectServiceClient(conn), pb.NewConstraintServiceClient(conn)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := v.run(ctx); err != nil {
		log.Fatal(err)
	}
}

// run listens and answers until the maintenance is complete, through breaks of the connection.
func (v *vnfm) run(ctx context.Context) error {
	defer v.ownActions.Wait()
	return fenix.WatchProject(ctx, v.projects, v.project, func(response *pb.WatchProjectResponse) bool {
		v.listening.Do(func() { say("listening") })
		for _, notice := range response.Notices {
			if err := v.handle(ctx, notice); err != nil {
				complain(err) // the session went on or is gone: others may follow
			}
			if notice.Kind == pb.NoticeKind_NOTICE_KIND_MAINTENANCE_COMPLETE {
				return true
			}
		}
		return false
	}, complain)
}

func (v *vnfm) handle(ctx context.Context, notice *pb.ProjectNotice) error {
	say("heard %s%s", kindOf(notice), names(notice))
	reply := &pb.ReplyProjectSessionRequest{
		SessionId: notice.SessionId, NoticeId: notice.NoticeId,
		ProjectId: notice.ProjectId, Kind: notice.Kind,
		Answer:    pb.Answer_ANSWER_ACK,
		RequestId: notice.SessionId + "/" + notice.NoticeId,
	}
	var own []*pb.NoticeInstance
	answer := "ACK"
	switch notice.Kind {
	case pb.NoticeKind_NOTICE_KIND_MAINTENANCE:
		if err := v.register(ctx, notice); err != nil {
			return err
		}
	case pb.NoticeKind_NOTICE_KIND_SCALE_IN:
		// Your application goes here: delete instances until this much is free, or as many as can be spared.
		needed := notice.Needed
		say("would release %d vCPU, %d MiB, %d GiB", needed.GetVcpus(), needed.GetMemoryMb(), needed.GetDiskGb())
	case pb.NoticeKind_NOTICE_KIND_PREPARE_MAINTENANCE, pb.NoticeKind_NOTICE_KIND_PLANNED_MAINTENANCE:
		reply.InstanceActions = map[string]pb.InstanceAction{}
		for _, instance := range byName(notice) {
			action := v.choose(instance)
			if action == pb.InstanceAction_INSTANCE_ACTION_OWN_ACTION {
				own = append(own, instance)
			}
			reply.InstanceActions[instance.InstanceId] = action
			answer += ", " + instance.InstanceName + " " + word(action)
		}
	case pb.NoticeKind_NOTICE_KIND_MAINTENANCE_COMPLETE:
		// Your application goes here: boot what SCALE_IN deleted.
	default:
		return nil // told, not asked
	}
	replied, err := fenix.Patiently(ctx, v.projects.ReplyProjectSession, reply)
	if err != nil {
		return err
	}
	say("answered %s: %s", kindOf(notice), answer)
	if replied.Counted {
		for _, instance := range own {
			say("own action: %s", instance.InstanceName)
			v.ownActions.Go(func() { v.replace(instance) })
		}
	}
	return nil
}

// register says what the instances and their group demand of every maintenance; the first notice tells which they are.
func (v *vnfm) register(ctx context.Context, notice *pb.ProjectNotice) error {
	if v.registered {
		return nil
	}
	groupID := v.project + "-group"
	for _, instance := range byName(notice) {
		action := v.choose(instance)
		request := &pb.SetInstanceConstraintRequest{
			InstanceId: instance.InstanceId,
			Demand: &pb.SetInstanceConstraintRequest_Constraint{Constraint: &pb.InstanceConstraint{
				ProjectId: v.project, GroupId: groupID,
				InstanceName: instance.InstanceName, MigrationTypes: []pb.InstanceAction{action},
			}},
		}
		if _, err := fenix.Patiently(ctx, v.constraints.SetInstanceConstraint, request); err != nil {
			return err
		}
		say("registered %s: %s", instance.InstanceName, word(action))
	}
	request := &pb.SetGroupConstraintRequest{
		GroupId: groupID,
		Demand: &pb.SetGroupConstraintRequest_Constraint{Constraint: &pb.GroupConstraint{
			ProjectId: v.project, GroupName: v.project, MaxImpactedMembers: new(int64(1)),
		}},
	}
	if _, err := fenix.Patiently(ctx, v.constraints.SetGroupConstraint, request); err != nil {
		return err
	}
	say("registered the group: at most 1 impacted")
	v.registered = true
	return nil
}

func (v *vnfm) choose(instance *pb.NoticeInstance) pb.InstanceAction {
	if v.ownAction != "" && (v.ownAction == instance.InstanceId || v.ownAction == instance.InstanceName) {
		return pb.InstanceAction_INSTANCE_ACTION_OWN_ACTION
	}
	return pb.InstanceAction_INSTANCE_ACTION_MIGRATE
}

// replace runs the command that makes the instance leave its host. Your application goes here: boot another, then
// delete this one. When it fails, fenix sees it once the time is over.
func (v *vnfm) replace(instance *pb.NoticeInstance) {
	command := exec.Command("sh", "-c", v.onOwnAction+` "$1"`, "sh", instance.InstanceId)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		log.Printf("! %s stays: %v", instance.InstanceName, err)
	}
}

func byName(notice *pb.ProjectNotice) []*pb.NoticeInstance {
	return slices.SortedFunc(slices.Values(notice.Instances), func(a, b *pb.NoticeInstance) int {
		return strings.Compare(a.InstanceName, b.InstanceName)
	})
}

func names(notice *pb.ProjectNotice) string {
	text := ""
	for _, instance := range byName(notice) {
		text += ", " + instance.InstanceName
	}
	return strings.Replace(text, ", ", ": ", 1)
}

func kindOf(notice *pb.ProjectNotice) string {
	return strings.TrimPrefix(notice.Kind.String(), "NOTICE_KIND_")
}

func word(action pb.InstanceAction) string {
	return strings.TrimPrefix(action.String(), "INSTANCE_ACTION_")
}

func complain(err error) { log.Printf("! %v", err) }

func say(format string, words ...any) { fmt.Printf(format+"\n", words...) }

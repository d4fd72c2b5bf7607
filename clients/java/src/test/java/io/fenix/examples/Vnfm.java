package io.fenix.examples;

import static io.fenix.v1.InstanceAction.INSTANCE_ACTION_MIGRATE;
import static io.fenix.v1.InstanceAction.INSTANCE_ACTION_OWN_ACTION;
import static io.fenix.v1.NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE;
import static java.util.stream.Collectors.joining;

import io.fenix.Backoff;
import io.fenix.Fenix;
import io.fenix.v1.Answer;
import io.fenix.v1.GroupConstraint;
import io.fenix.v1.InstanceAction;
import io.fenix.v1.InstanceConstraint;
import io.fenix.v1.NoticeInstance;
import io.fenix.v1.ProjectNotice;
import io.fenix.v1.ReplyProjectSessionRequest;
import io.fenix.v1.SetGroupConstraintRequest;
import io.fenix.v1.SetInstanceConstraintRequest;
import io.fenix.v1.WatchProjectRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A sample VNFM: the manager of a project's application, as fenix sees it. Copy it and put your application in.
 *
 * <p>It registers what its instances demand of a maintenance, hears every notice, does what is asked and answers. What it
 * heard and answered is printed, a line each; README.md of clients/ says how.
 */
public final class Vnfm {
  private final Fenix fenix;
  private final Map<String, String> flags;
  private final String projectId;
  private String token = ""; // of the last response that was dealt with
  private boolean listening;
  private boolean registered;

  private Vnfm(Fenix fenix, Map<String, String> flags) {
    this.fenix = fenix;
    this.flags = flags;
    this.projectId = flags.get("--project");
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    var flags = new HashMap<String, String>();
    for (int i = 0; i + 1 < args.length; i += 2) flags.put(args[i], args[i + 1]);
    if (args.length % 2 != 0 || !flags.containsKey("--project")) {
      System.err.println("""
          usage: vnfm --project ID [--server HOST:PORT] [--token TOKEN] [--ca FILE] [--own-action INSTANCE]
                      [--on-own-action COMMAND]
          --ca names the certificates to trust (plain text without it); the command gets the id of the instance""");
      System.exit(2);
    }
    var server = flags.getOrDefault("--server", "127.0.0.1:12348");
    var token = flags.getOrDefault("--token", System.getenv().getOrDefault("FENIX_TOKEN", ""));
    try (var fenix = Fenix.connect(server, token, flags.get("--ca"))) {
      new Vnfm(fenix, flags).run();
    }
  }

  /** Listens and answers until the maintenance is complete, through breaks of the connection. */
  private void run() throws InterruptedException {
    var backoff = new Backoff();
    while (true) {
      try {
        if (watch(backoff)) return;
        throw Status.UNAVAILABLE.withDescription("the server ended the stream").asRuntimeException();
      } catch (StatusRuntimeException failed) {
        complain(failed);
        if (!token.isEmpty() && Backoff.isUnknownToken(failed)) {
          token = ""; // begin with the notices that are open
        } else {
          backoff.pause(failed);
        }
      }
    }
  }

  /** True once the maintenance is complete. */
  private boolean watch(Backoff backoff) throws InterruptedException {
    var request = WatchProjectRequest.newBuilder().setProjectId(projectId).setAfter(token).build();
    for (var responses = fenix.projects.watchProject(request); responses.hasNext(); ) {
      var response = responses.next();
      backoff.reset();
      if (!listening) say("listening");
      listening = true;
      for (var notice : response.getNoticesList()) {
        try {
          handle(notice);
        } catch (StatusRuntimeException failed) {
          complain(failed); // the session went on or is gone: others may follow
        }
        if (notice.getKind() == NOTICE_KIND_MAINTENANCE_COMPLETE) return true;
      }
      token = response.getToken(); // only now: what was not dealt with comes again
    }
    return false;
  }

  private void handle(ProjectNotice notice) throws InterruptedException {
    var instances = notice.getInstancesList().stream().sorted(Comparator.comparing(NoticeInstance::getInstanceName)).toList();
    var names = instances.stream().map(NoticeInstance::getInstanceName).collect(joining(", "));
    say("heard " + kindOf(notice) + (names.isEmpty() ? "" : ": " + names));
    var reply = ReplyProjectSessionRequest.newBuilder()
        .setSessionId(notice.getSessionId())
        .setProjectId(projectId)
        .setKindValue(notice.getKindValue())
        .setNoticeId(notice.getNoticeId())
        .setAnswer(Answer.ANSWER_ACK)
        .setRequestId(notice.getSessionId() + "/" + notice.getNoticeId());
    var answer = new StringBuilder("ACK");
    switch (notice.getKind()) {
      case NOTICE_KIND_MAINTENANCE -> register(instances);
      case NOTICE_KIND_SCALE_IN -> {
        // Your application goes here: delete instances until this much is free, or as many as can be spared.
        var needed = notice.getNeeded();
        say("would release %d vCPU, %d MiB, %d GiB"
            .formatted(needed.getVcpus(), needed.getMemoryMb(), needed.getDiskGb()));
      }
      case NOTICE_KIND_PREPARE_MAINTENANCE, NOTICE_KIND_PLANNED_MAINTENANCE -> {
        for (var instance : instances) {
          var action = choose(instance);
          reply.putInstanceActions(instance.getInstanceId(), action);
          answer.append(", ").append(instance.getInstanceName()).append(' ').append(word(action));
        }
      }
      case NOTICE_KIND_MAINTENANCE_COMPLETE -> { } // Your application goes here: boot what SCALE_IN deleted.
      default -> { return; } // told, not asked
    }
    var replied = Fenix.patiently(fenix.projects, stub -> stub.replyProjectSession(reply.build()));
    say("answered " + kindOf(notice) + ": " + answer);
    var actions = reply.getInstanceActionsMap();
    instances.stream()
        .filter(i -> replied.getCounted() && actions.get(i.getInstanceId()) == INSTANCE_ACTION_OWN_ACTION)
        .forEach(this::replace);
  }

  /** Says what the instances and their group demand of every maintenance; the first notice tells which they are. */
  private void register(List<NoticeInstance> instances) throws InterruptedException {
    if (registered) return;
    var groupId = projectId + "-group";
    for (var instance : instances) {
      var action = choose(instance);
      var constraint = InstanceConstraint.newBuilder()
          .setProjectId(projectId)
          .setGroupId(groupId)
          .setInstanceName(instance.getInstanceName())
          .addMigrationTypes(action);
      var request = SetInstanceConstraintRequest.newBuilder()
          .setInstanceId(instance.getInstanceId()).setConstraint(constraint).build();
      Fenix.patiently(fenix.constraints, stub -> stub.setInstanceConstraint(request));
      say("registered " + instance.getInstanceName() + ": " + word(action));
    }
    var group = GroupConstraint.newBuilder().setProjectId(projectId).setGroupName(projectId).setMaxImpactedMembers(1);
    var request = SetGroupConstraintRequest.newBuilder().setGroupId(groupId).setConstraint(group).build();
    Fenix.patiently(fenix.constraints, stub -> stub.setGroupConstraint(request));
    say("registered the group: at most 1 impacted");
    registered = true;
  }

  private InstanceAction choose(NoticeInstance instance) {
    var own = flags.getOrDefault("--own-action", "");
    boolean its = own.equals(instance.getInstanceId()) || own.equals(instance.getInstanceName());
    return its ? INSTANCE_ACTION_OWN_ACTION : INSTANCE_ACTION_MIGRATE;
  }

  /**
   * Runs the command that makes the instance leave its host, beside the rest. Your application goes here: boot another,
   * then delete this one. When it fails, fenix sees it once the time is over.
   */
  private void replace(NoticeInstance instance) {
    say("own action: " + instance.getInstanceName());
    var script = flags.getOrDefault("--on-own-action", "") + " \"$1\"";
    var command = new ProcessBuilder("sh", "-c", script, "sh", instance.getInstanceId()).inheritIO();
    new Thread(() -> {
      try {
        int code = command.start().waitFor();
        if (code != 0) System.err.println("! " + instance.getInstanceName() + " stays: exit code " + code);
      } catch (IOException | InterruptedException failed) {
        System.err.println("! " + instance.getInstanceName() + " stays: " + failed);
      }
    }).start();
  }

  private static String kindOf(ProjectNotice notice) {
    return notice.getKind().name().replaceFirst("^NOTICE_KIND_", "");
  }

  private static String word(InstanceAction action) {
    return action.name().replaceFirst("^INSTANCE_ACTION_", "");
  }

  private static void say(String line) { System.out.println(line); }

  private static void complain(StatusRuntimeException failed) { System.err.println("! " + failed.getMessage()); }
}

//! A sample VNFM: the manager of a project's application, as fenix sees it. Copy it and put your application in.
//!
//! It registers what its instances demand of a maintenance, hears every notice, does what is asked and answers. What it
//! heard and answered is printed, a line each; README.md of clients/ says how.

use std::{collections::HashMap, error::Error, fs, mem, process::Stdio};

use clap::Parser;
use fenix_client::{
    Fenix, ProjectWatch, patiently,
    v1::{
        Answer, GroupConstraint, InstanceAction, InstanceConstraint, NoticeInstance, NoticeKind, ProjectNotice,
        ReplyProjectSessionRequest, SetGroupConstraintRequest, SetInstanceConstraintRequest,
        set_group_constraint_request, set_instance_constraint_request,
    },
};
use tokio::{process::Command, task::JoinSet};
use tonic::Status;

#[derive(Parser)]
struct Flags {
    /// Address of fenix
    #[arg(long, default_value = "127.0.0.1:12348")]
    server: String,
    /// Id of the project to speak for
    #[arg(long)]
    project: String,
    /// Who is calling, such as a Keystone token
    #[arg(long, env = "FENIX_TOKEN", default_value = "")]
    token: String,
    /// File with the certificates to trust; plain text without it
    #[arg(long)]
    ca: Option<String>,
    /// Id or name of the instance that is replaced instead of moved
    #[arg(long, default_value = "")]
    own_action: String,
    /// Command that replaces it; its id is appended
    #[arg(long, default_value = "")]
    on_own_action: String,
}

struct Vnfm {
    fenix: Fenix,
    flags: Flags,
    listening: bool,
    registered: bool,
    own_actions: JoinSet<()>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let ca = flags.ca.as_ref().map(fs::read).transpose()?;
    let mut vnfm = Vnfm {
        fenix: Fenix::connect(&flags.server, &flags.token, ca.as_deref())?,
        flags,
        listening: false,
        registered: false,
        own_actions: JoinSet::new(),
    };
    vnfm.run().await?;
    while vnfm.own_actions.join_next().await.is_some() {}
    Ok(())
}

impl Vnfm {
    /// Listens and answers until the maintenance is complete, through breaks of the connection.
    async fn run(&mut self) -> Result<(), Status> {
        let mut watch = ProjectWatch::new(&self.fenix, &self.flags.project);
        loop {
            let response = watch.next(complain).await?;
            if !mem::replace(&mut self.listening, true) {
                println!("listening");
            }
            for notice in response.notices {
                let kind = notice.kind();
                if let Err(failed) = self.handle(notice).await {
                    complain(&failed); // the session went on or is gone: others may follow
                }
                if kind == NoticeKind::MaintenanceComplete {
                    return Ok(());
                }
            }
        }
    }

    async fn handle(&mut self, mut notice: ProjectNotice) -> Result<(), Status> {
        let kind = notice.kind().as_str_name().trim_start_matches("NOTICE_KIND_");
        notice.instances.sort_by(|a, b| a.instance_name.cmp(&b.instance_name));
        let names: Vec<_> = notice.instances.iter().map(|i| i.instance_name.as_str()).collect();
        println!("heard {kind}{}{}", if names.is_empty() { "" } else { ": " }, names.join(", "));
        let (mut answer, mut actions) = (String::from("ACK"), HashMap::new());
        match notice.kind() {
            NoticeKind::Maintenance => self.register(&notice.instances).await?,
            NoticeKind::ScaleIn => {
                // Your application goes here: delete instances until this much is free, or as many as can be spared.
                let needed = notice.needed.unwrap_or_default();
                println!("would release {} vCPU, {} MiB, {} GiB", needed.vcpus, needed.memory_mb, needed.disk_gb);
            }
            NoticeKind::PrepareMaintenance | NoticeKind::PlannedMaintenance => {
                for instance in &notice.instances {
                    let action = self.choose(instance);
                    answer += &format!(", {} {}", instance.instance_name, word(action));
                    actions.insert(instance.instance_id.clone(), action as i32);
                }
            }
            NoticeKind::MaintenanceComplete => {} // Your application goes here: boot what ScaleIn deleted.
            _ => return Ok(()),                   // told, not asked
        }
        let reply = ReplyProjectSessionRequest {
            kind: notice.kind,
            answer: Answer::Ack as i32,
            instance_actions: actions.clone(),
            request_id: format!("{}/{}", notice.session_id, notice.notice_id),
            session_id: notice.session_id,
            project_id: notice.project_id,
            notice_id: notice.notice_id,
            ..Default::default()
        };
        let replied = patiently(reply, async |reply| self.fenix.projects.reply_project_session(reply).await).await?;
        println!("answered {kind}: {answer}");
        for instance in notice.instances {
            if replied.counted && actions.get(&instance.instance_id) == Some(&(InstanceAction::OwnAction as i32)) {
                println!("own action: {}", instance.instance_name);
                self.own_actions.spawn(replace(self.flags.on_own_action.clone(), instance));
            }
        }
        Ok(())
    }

    /// Says what the instances and their group demand of every maintenance; the first notice tells which they are.
    async fn register(&mut self, instances: &[NoticeInstance]) -> Result<(), Status> {
        if self.registered {
            return Ok(());
        }
        let project_id = self.flags.project.clone();
        let group_id = format!("{project_id}-group");
        for instance in instances {
            let action = self.choose(instance);
            let constraint = InstanceConstraint {
                project_id: project_id.clone(),
                group_id: group_id.clone(),
                instance_name: instance.instance_name.clone(),
                migration_types: vec![action as i32],
                ..Default::default()
            };
            let request = SetInstanceConstraintRequest {
                instance_id: instance.instance_id.clone(),
                demand: Some(set_instance_constraint_request::Demand::Constraint(constraint)),
                ..Default::default()
            };
            patiently(request, async |request| self.fenix.constraints.set_instance_constraint(request).await).await?;
            println!("registered {}: {}", instance.instance_name, word(action));
        }
        let group = GroupConstraint {
            project_id: project_id.clone(),
            group_name: project_id.clone(),
            max_impacted_members: Some(1),
            ..Default::default()
        };
        let request = SetGroupConstraintRequest {
            group_id,
            demand: Some(set_group_constraint_request::Demand::Constraint(group)),
            ..Default::default()
        };
        patiently(request, async |request| self.fenix.constraints.set_group_constraint(request).await).await?;
        println!("registered the group: at most 1 impacted");
        self.registered = true;
        Ok(())
    }

    fn choose(&self, instance: &NoticeInstance) -> InstanceAction {
        if [&instance.instance_id, &instance.instance_name].contains(&&self.flags.own_action) {
            InstanceAction::OwnAction
        } else {
            InstanceAction::Migrate
        }
    }
}

/// Runs the command that makes the instance leave its host, beside the rest. Your application goes here: boot another,
/// then delete this one. When it fails, fenix sees it once the time is over.
async fn replace(command: String, instance: NoticeInstance) {
    let script = format!("{command} \"$1\" >&2");
    let arguments = ["-c", &script, "sh", &instance.instance_id];
    match Command::new("sh").args(arguments).stdin(Stdio::null()).status().await {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("! {} stays: {status}", instance.instance_name),
        Err(failed) => eprintln!("! {} stays: {failed}", instance.instance_name),
    }
}

fn word(action: InstanceAction) -> &'static str {
    action.as_str_name().trim_start_matches("INSTANCE_ACTION_")
}

fn complain(failed: &Status) {
    eprintln!("! {:?} {}", failed.code(), failed.message());
}

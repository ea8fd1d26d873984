//! What a client may not use it does not hear of.

use std::path::Path;

use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::watch_client::WatchClient;
use holdfast_proto::{OpenVolumeRequest, StatusRequest, StatusResponse, WatchRequest};
use tonic::{Code, Status};

use crate::forged::{channel, request};
use crate::scene::Scene;

async fn status(scene: &Scene, tls: &Path) -> StatusResponse {
    let mut admin = AdminClient::new(channel(&scene.address(1), tls, None));
    let asked = admin.status(request(StatusRequest {}, None)).await;
    asked.unwrap().into_inner()
}

async fn open(scene: &Scene, tls: &Path, name: &str) -> Status {
    let mut client = ClientClient::new(channel(&scene.address(1), tls, None));
    let name = name.to_owned();
    let asked = client.open_volume(request(OpenVolumeRequest { name }, None));
    asked.await.unwrap_err()
}

#[tokio::test]
async fn volumes_of_others_have_neither_name_nor_number() {
    let scene = Scene::start(1);
    let create = ["volume", "create", "payroll"];
    scene.holdfast(&create, Some(&scene.admin())).success();
    let seen = status(&scene, &scene.admin()).await;
    let number = seen.volumes.iter().find(|one| one.name == "payroll");
    let number = number.unwrap().volume.to_string();

    // A volume may be called like the number of another.
    let eve = scene.issue(&["client", "eve", "--volumes", &format!("gone,{number}")]);
    let seen = status(&scene, &eve).await;
    let groups: Vec<u64> = seen.groups.iter().map(|group| group.group).collect();
    assert_eq!((groups, seen.volumes.len()), (vec![0], 0));
    for name in ["gone", &number, "payroll"] {
        let refused = open(&scene, &eve, name).await;
        let told = refused.message().replace(&format!("{name:?}"), "");
        let is_hidden = !told.contains("payroll") && !told.contains("default");
        assert!(is_hidden, "{told}");
    }
    let mut watch = WatchClient::new(channel(&scene.address(1), &eve, None));
    let asked = WatchRequest {
        volume: "payroll".to_owned(),
        ..WatchRequest::default()
    };
    let refused = watch.watch(request(asked, None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
}

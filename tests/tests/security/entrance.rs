//! Who is not let in, and what it is told.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use holdfast_tests::place;
use holdfast_tests::poll::wait_until;
use holdfast_tests::program::run;

use crate::scene::{Scene, another_authority, assert_says, complaint, issue};

#[test]
fn whoever_has_no_good_certificate_is_told_what_is_wrong_with_it() {
    let scene = Scene::start(1);
    let status = |tls| complaint(scene.holdfast(&["status"], tls));

    assert_says(&status(None), "speaks only TLS: say --tls DIR");

    let other = another_authority(scene.scratch());
    let stranger = issue(&other, &["client", "alice", "--admin"]);
    assert_says(&status(Some(&stranger)), "made by another authority");
    // It believes our authority; we do not know the one that made it.
    std::fs::copy(scene.admin().join("ca.crt"), stranger.join("both.crt")).unwrap();
    let both = ["both.crt", "ca.crt"].map(|name| std::fs::read(stranger.join(name)).unwrap());
    std::fs::write(stranger.join("ca.crt"), both.concat()).unwrap();
    assert_says(
        &status(Some(&stranger)),
        "does not know the authority that made your certificate",
    );

    let late = scene.issue(&["client", "late", "--admin", "--valid-for", "1s"]);
    wait_until("its second is over", Duration::from_secs(10), || {
        let asked = scene.holdfast(&["status"], Some(&late));
        !asked.status.success() && complaint(asked).contains("has expired")
    });

    let mount = ["mount", "--tls", late.to_str().unwrap()];
    let mountpoint = scene.scratch().join("mnt");
    std::fs::create_dir(&mountpoint).unwrap();
    let mut command = Command::new(place::holdfast());
    command.args(mount).args(["--cluster", &scene.addresses()]);
    assert_says(&complaint(run(command.arg(&mountpoint))), "has expired");
    let mut command = Command::new(place::holdfast());
    command.args(["mount", "--cluster", &scene.addresses()]);
    assert_says(&complaint(run(command.arg(&mountpoint))), "speaks only TLS");
    // One line for each kind, however often it was tried.
    assert_says(&scene.log(1), "a connection without a good certificate");
}

#[test]
fn who_offers_only_an_earlier_tls_is_refused() {
    let scene = Scene::start(1);
    let hello = |version: &str| {
        let mut command = Command::new("openssl");
        command.args(["s_client", version, "-brief", "-alpn", "h2", "-connect"]);
        command.arg(scene.address(1)).current_dir(scene.admin());
        run(command.args(["-CAfile", "ca.crt", "-cert", "tls.crt", "-key", "tls.key"]))
    };
    assert_says(&hello("-tls1_3").stderr, "Protocol version: TLSv1.3");
    let refused = hello("-tls1_2");
    assert_says(&refused.stderr, "protocol version");
    assert!(!refused.status.success(), "{refused:?}");
}

#[test]
fn the_key_of_a_client_that_others_can_read_is_refused() {
    let scratch = place::scratch();
    let pki = another_authority(scratch.path());
    let client = issue(&pki, &["client", "alice", "--admin"]);
    let node = issue(&pki, &["node", "1"]);
    for (directory, file) in [(&client, "tls.key"), (&node, "tls.key"), (&pki, "ca.key")] {
        let path = directory.join(file);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{}", path.display());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    }
    let holdfast = || Command::new(place::holdfast());
    let mut status = holdfast();
    status
        .args(["status", "--cluster", "127.0.0.1:1", "--tls"])
        .arg(&client);
    assert_says(&complaint(run(&mut status)), "others may read the key");
    let mut serve = holdfast();
    serve
        .args(["serve", "--id", "1", "--bootstrap", "--tls"])
        .arg(&node);
    serve.arg("--data").arg(scratch.path().join("data"));
    assert_says(&complaint(run(&mut serve)), "others may read the key");
    let mut issue = holdfast();
    issue.args(["pki", "issue", "node", "2", "--pki"]).arg(&pki);
    assert_says(&complaint(run(&mut issue)), "others may read the key");
}

#[test]
fn a_node_does_not_serve_with_the_certificate_of_somebody_else() {
    let scratch = place::scratch();
    let pki = another_authority(scratch.path());
    for (kind, name, more) in [("node", "2", None), ("client", "alice", Some("--admin"))] {
        let mut arguments = vec![kind, name];
        arguments.extend(more);
        let tls = issue(&pki, &arguments);
        let mut serve = Command::new(place::holdfast());
        serve.args([
            "serve",
            "--id",
            "1",
            "--bootstrap",
            "--listen",
            "127.0.0.1:0",
            "--tls",
        ]);
        serve
            .arg(tls)
            .arg("--data")
            .arg(scratch.path().join("data"));
        assert_says(
            &complaint(run(&mut serve)),
            "this is to be node 1, and the certificate is that of",
        );
    }
}

#[test]
fn an_address_that_others_reach_needs_certificates_or_an_explicit_word() {
    let scratch = place::scratch();
    let mut serve = Command::new(place::holdfast());
    serve.args([
        "serve",
        "--id",
        "1",
        "--bootstrap",
        "--listen",
        "192.0.2.1:7420",
        "--data",
    ]);
    let told = complaint(run(serve.arg(scratch.path())));
    assert_says(&told, "say --tls DIR");
    assert_says(&told, "--insecure-no-tls");
}

#[test]
fn a_program_with_certificates_is_told_that_a_node_has_none() {
    let scene = Scene::start_plain(1);
    let pki = another_authority(scene.scratch());
    let client = issue(&pki, &["client", "alice", "--admin"]);
    let told = complaint(scene.holdfast(&["status"], Some(&client)));
    assert_says(&told, "does not speak TLS: leave out --tls");
    scene.holdfast(&["status"], None).success();
}

//! What each kind of option does to the settings.

use super::*;

fn parse(string: &str) -> Settings {
    Settings::parse(TreeKind::Data, [string]).unwrap()
}

fn in_a_cluster(string: &str) -> Settings {
    Settings::parse(TreeKind::Cluster, [string]).unwrap()
}

fn error(string: &str) -> OptionError {
    Settings::parse(TreeKind::Data, [string]).unwrap_err()
}

#[test]
fn without_options_it_is_a_plain_read_write_mount() {
    let settings = parse("");
    assert!(!settings.mount.read_only);
    assert!(settings.mount.default_permissions);
    assert!(!settings.mount.allow_other);
    assert_eq!(settings.mount.subtype.as_deref(), Some("holdfast"));
    assert_eq!(settings.mount.atime, AtimePolicy::Relatime);
    assert_eq!(settings.durability, Durability::Fsync);
}

#[test]
fn the_last_word_wins_over_strings_too() {
    let settings = Settings::parse(TreeKind::Data, ["ro,noatime", "rw,strictatime"]).unwrap();
    assert!(!settings.mount.read_only);
    assert_eq!(settings.mount.atime, AtimePolicy::Strict);
}

#[test]
fn every_flag_has_an_opposite() {
    let off =
        parse("ro,noatime,nodiratime,nodev,nosuid,noexec,sync,nodefault_permissions,allow_other");
    assert!(off.mount.read_only && off.mount.synchronous && off.mount.allow_other);
    assert!(!off.mount.device_files && !off.mount.set_id && !off.mount.execute);
    assert!(!off.mount.directory_atime && !off.mount.default_permissions);
    assert_eq!(off.mount.atime, AtimePolicy::Never);
    let on = parse(
        "ro,noatime,nodiratime,nodev,nosuid,noexec,sync,nodefault_permissions,allow_other,\
         rw,atime,diratime,dev,suid,exec,async,default_permissions,noallow_other",
    );
    assert!(!on.mount.read_only && !on.mount.synchronous && !on.mount.allow_other);
    assert!(on.mount.device_files && on.mount.set_id && on.mount.execute);
    assert!(on.mount.directory_atime && on.mount.default_permissions);
    assert_eq!(on.mount.atime, AtimePolicy::Relatime);
}

#[test]
fn sync_with_a_value_is_another_option_than_sync() {
    let plain = parse("sync");
    assert!(plain.mount.synchronous);
    assert_eq!(plain.durability, Durability::Fsync);
    let commit = parse("sync=commit");
    assert!(!commit.mount.synchronous);
    assert_eq!(commit.durability, Durability::Commit);
    assert_eq!(
        parse("sync=commit,sync=fsync").durability,
        Durability::Fsync
    );
    assert!(matches!(error("sync=never"), OptionError::BadValue { .. }));
}

#[test]
fn names_and_types_are_taken_as_given() {
    let settings = parse("fsname=a\\,b,fstype=fuse");
    assert_eq!(settings.mount.source, "a,b");
    assert_eq!(settings.mount.subtype, None);
    assert_eq!(parse("fsname=\"x,y\",ro").mount.source, "x,y");
    assert_eq!(parse("fsname=a=b").mount.source, "a=b");
    assert_eq!(
        parse("fstype=fuse.other").mount.subtype.as_deref(),
        Some("other")
    );
    assert!(matches!(error("fstype=ext4"), OptionError::BadValue { .. }));
}

#[test]
fn timeouts_are_seconds() {
    let settings = parse("entry_timeout=0.5,attr_timeout=0");
    assert_eq!(settings.mount.entry_timeout, Duration::from_millis(500));
    assert_eq!(settings.mount.attribute_timeout, Duration::ZERO);
    for wrong in [
        "entry_timeout=-1",
        "entry_timeout=soon",
        "entry_timeout=",
        "entry_timeout=inf",
    ] {
        assert!(
            matches!(error(wrong), OptionError::BadValue { .. }),
            "{wrong}"
        );
    }
    assert!(matches!(error("threads=0"), OptionError::BadValue { .. }));
}

#[test]
fn an_unknown_option_is_named_and_the_known_ones_are_listed() {
    let text = error("rw,dax").to_string();
    assert!(
        text.contains("\"dax\"") && text.contains("noatime, ") && text.contains("fsname=NAME"),
        "{text}"
    );
    for internal in ["_netdev", "uhelper", "rootmode", "x-*"] {
        assert!(!text.contains(internal), "{internal} is in {text}");
    }
    assert_eq!(
        error("inlinecrypt=1"),
        OptionError::Unknown {
            name: "inlinecrypt".into()
        }
    );
    assert_eq!(
        error("ro=1"),
        OptionError::UnwantedValue { name: "ro".into() }
    );
    assert_eq!(
        error("fsname").to_string(),
        "mount option \"fsname\" needs a value, as in fsname=NAME"
    );
}

#[test]
fn words_for_others_are_passed_over() {
    parse("defaults,auto,noauto,nofail,user,user=jo,_netdev,comment=x,lazytime,,");
    parse("x-systemd.automount,x-systemd.idle-timeout=60,X-mount.mkdir=0755");
}

#[test]
fn a_remount_keeps_the_words_for_the_kernel_in_their_order() {
    let settings = parse("rw,user_id=0,group_id=0,allow_other,remount,x-y,ro,nodev");
    assert!(settings.remount);
    assert_eq!(settings.kernel_words, ["rw", "ro", "nodev"]);
    assert_eq!(
        error("user_id=0"),
        OptionError::Unknown {
            name: "user_id".into()
        }
    );
}

#[test]
fn the_manual_tells_the_defaults_that_hold() {
    let defaults = parse("").mount;
    for (option, default) in [
        ("entry_timeout=SECONDS", defaults.entry_timeout.as_secs()),
        ("attr_timeout=SECONDS", defaults.attribute_timeout.as_secs()),
        ("slow_operation=SECONDS", defaults.slow_operation.as_secs()),
        ("threads=NUMBER", defaults.threads as u64),
    ] {
        let (_, about) = entries().find(|(known, _)| known == option).unwrap();
        let expected = format!("(default: {default}");
        assert!(about.contains(&expected), "{option}: {about}");
    }
}

#[test]
fn the_kernel_keeps_nothing_of_a_cluster_unless_it_is_told_to() {
    let defaults = in_a_cluster("").mount;
    assert!(defaults.shared && !parse("").mount.shared);
    assert_eq!(defaults.entry_timeout, Duration::ZERO);
    assert_eq!(defaults.attribute_timeout, Duration::ZERO);
    let given = in_a_cluster("entry_timeout=2,attr_timeout=0.5,ro").mount;
    assert!(given.shared && given.read_only);
    assert_eq!(given.entry_timeout, Duration::from_secs(2));
    assert_eq!(given.attribute_timeout, Duration::from_millis(500));
}

#[test]
fn locks_are_kept_by_the_cluster_if_there_is_one_unless_they_are_local() {
    let keeper = |options| in_a_cluster(options).mount.locks;
    assert_eq!(keeper(""), LockKeeper::Cluster);
    assert_eq!(keeper("locks=local"), LockKeeper::Kernel);
    assert_eq!(keeper("locks=local,locks=shared"), LockKeeper::Cluster);
    let on_this_machine = |options| Settings::parse(TreeKind::Data, [options]);
    for options in ["", "locks=local"] {
        let settings = on_this_machine(options).unwrap();
        assert_eq!(settings.mount.locks, LockKeeper::Kernel);
    }
    let error = on_this_machine("locks=shared").unwrap_err().to_string();
    assert!(error.contains("for a volume of a cluster"), "{error}");
    let error = Settings::parse(TreeKind::Cluster, ["locks=mine"]).unwrap_err();
    assert!(error.to_string().ends_with("shared or local"), "{error}");
}

#[test]
fn an_operation_waits_for_a_cluster_unless_it_is_soft() {
    assert_eq!(in_a_cluster("").soft, None);
    let soft = in_a_cluster("soft=1.5").soft;
    assert_eq!(soft, Some(Duration::from_millis(1500)));
    assert_eq!(in_a_cluster("soft=5,hard").soft, None);
    for wrong in ["soft=0", "soft=long", "soft=-1"] {
        let error = Settings::parse(TreeKind::Cluster, [wrong]).unwrap_err();
        assert!(matches!(error, OptionError::BadValue { .. }), "{wrong}");
    }
    let error = Settings::parse(TreeKind::Cluster, ["soft"]).unwrap_err();
    assert!(error.to_string().ends_with("soft=SECONDS"), "{error}");
}

#[test]
fn what_only_a_cluster_understands_is_refused_elsewhere() {
    for option in ["soft=5", "hard"] {
        let text = error(option).to_string();
        assert!(text.contains("for a volume of a cluster"), "{text}");
        parse(&format!("remount,{option}"));
    }
}

#[test]
fn the_memory_for_tables_is_an_option_of_a_data_directory() {
    assert_eq!(parse("").cache_mib, 256);
    assert_eq!(parse("cache=64").cache_mib, 64);
    for wrong in ["cache=7", "cache=1048577", "cache=much"] {
        assert!(
            matches!(error(wrong), OptionError::BadValue { .. }),
            "{wrong}"
        );
    }
    let refused = Settings::parse(TreeKind::Cluster, ["cache=64"]).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("is for a data directory"), "{refused}");
    parse("remount,cache=64");
}

#[test]
fn options_of_a_data_directory_are_accepted_in_a_cluster_where_they_hold_anyway() {
    in_a_cluster("sync=commit,sync,dirsync,defaults,_netdev,noatime");
}

#[test]
fn what_is_logged_is_an_option_too() {
    let log = parse("log=debug,log_format=json").log;
    assert_eq!(log.arguments(), ["--log=debug", "--log-format=json"]);
    assert_eq!(parse("").log, LogSettings::default());
    let log = parse("traces=http://127.0.0.1:4318,trace_every=9").log;
    assert_eq!(
        log.arguments(),
        [
            "--traces=http://127.0.0.1:4318/v1/traces",
            "--trace-every=9"
        ]
    );
    for wrong in ["traces=https://127.0.0.1:4318", "trace_every=0"] {
        assert!(matches!(error(wrong), OptionError::BadValue { .. }));
    }
    assert!(matches!(
        error("log_format=xml"),
        OptionError::BadValue { .. }
    ));
}

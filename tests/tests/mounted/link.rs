//! Hard links.

use std::fs;
use std::os::unix::fs::MetadataExt;

use holdfast_tests::{Mounted, Setup, errno};
use nix::errno::Errno;

#[test]
fn a_file_has_65001_names() {
    let mut mounted = Setup::default().mount();
    let before = mounted.usage();
    fs::create_dir(mounted.path("names")).unwrap();
    fs::write(mounted.path("names/0"), "shared").unwrap();
    for number in 1..65_001 {
        fs::hard_link(
            mounted.path("names/0"),
            mounted.path(&format!("names/{number}")),
        )
        .unwrap();
    }
    mounted.remount();
    let last = mounted.path("names/65000");
    assert_eq!(fs::metadata(&last).unwrap().nlink(), 65_001);
    assert_eq!(fs::read_to_string(&last).unwrap(), "shared");
    fs::remove_dir_all(mounted.path("names")).unwrap();
    mounted.wait_for_inodes(&before);
}

#[test]
fn names_share_one_inode_and_directories_get_no_second_name() {
    let mounted = Mounted::new();
    fs::write(mounted.path("first"), "content").unwrap();
    fs::hard_link(mounted.path("first"), mounted.path("second")).unwrap();
    fs::write(mounted.path("second"), "changed").unwrap();
    let (first, second) = (
        fs::metadata(mounted.path("first")).unwrap(),
        fs::metadata(mounted.path("second")).unwrap(),
    );
    assert_eq!((first.ino(), first.nlink()), (second.ino(), 2));
    assert_eq!(
        fs::read_to_string(mounted.path("first")).unwrap(),
        "changed"
    );
    fs::remove_file(mounted.path("first")).unwrap();
    assert_eq!(fs::metadata(mounted.path("second")).unwrap().nlink(), 1);
    fs::create_dir(mounted.path("directory")).unwrap();
    let linked = fs::hard_link(mounted.path("directory"), mounted.path("other"));
    assert_eq!(errno(linked), Errno::EPERM);
}

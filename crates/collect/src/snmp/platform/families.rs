//! How the families of devices write their sysDescr: a row each. How the rows are read is the
//! parent's business.

/// How a family writes its sysDescr.
pub(super) struct Family {
    pub(super) os: &'static str,
    /// Enterprise numbers under which it is looked for; empty is any.
    pub(super) enterprises: &'static [u32],
    /// Words of which one is in sysDescr; empty is any text.
    pub(super) says: &'static [&'static str],
    /// Words after which the version stands, the first that is there.
    pub(super) version_after: &'static [&'static str],
    pub(super) model: Model,
}

/// Where a family writes its model.
pub(super) enum Model {
    /// Nowhere.
    None,
    /// The word after one of these.
    After(&'static [&'static str]),
    /// The text before the first of these.
    Before(&'static [&'static str]),
    /// The first word.
    First,
}

/// The sharper rows first.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        os: "IOS XR",
        enterprises: &[9],
        says: &["IOS XR"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "NX-OS",
        enterprises: &[9],
        says: &["NX-OS"],
        version_after: &["Version ", "version "],
        model: Model::None,
    },
    Family {
        os: "IOS XE",
        enterprises: &[9],
        says: &["IOS-XE", "IOS XE", "IOSXE", "LINUX_IOSD"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "ASA",
        enterprises: &[9],
        says: &["Adaptive Security Appliance"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "IOS",
        enterprises: &[9],
        says: &["IOS", "Internetwork Operating System"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "Junos",
        enterprises: &[2636],
        says: &["JUNOS"],
        version_after: &["JUNOS "],
        model: Model::After(&["Juniper Networks, Inc. ", "Juniper "]),
    },
    Family {
        os: "EOS",
        enterprises: &[30065],
        says: &["Arista"],
        version_after: &["EOS version "],
        model: Model::After(&["running on an Arista Networks "]),
    },
    Family {
        os: "Comware",
        enterprises: &[],
        says: &["Comware"],
        version_after: &["Software Version ", "Version "],
        model: Model::After(&["H3C ", "HP ", "HPE "]),
    },
    Family {
        os: "VRP",
        enterprises: &[2011],
        says: &["VRP", "Versatile Routing Platform", "Huawei"],
        version_after: &["Version ", "VRP (R) software, Version "],
        model: Model::None,
    },
    Family {
        os: "ProCurve",
        enterprises: &[11],
        says: &["revision"],
        version_after: &["revision "],
        model: Model::Before(&[", revision"]),
    },
    Family {
        os: "ArubaOS",
        enterprises: &[14823],
        says: &["ArubaOS"],
        version_after: &["Version "],
        model: Model::After(&["MODEL: "]),
    },
    Family {
        os: "RouterOS",
        enterprises: &[14988],
        says: &[],
        version_after: &[],
        model: Model::After(&["RouterOS "]),
    },
    Family {
        os: "TiMOS",
        enterprises: &[6527],
        says: &["TiMOS"],
        version_after: &["TiMOS-"],
        model: Model::After(&["Nokia ", "ALCATEL "]),
    },
    Family {
        os: "ExtremeXOS",
        enterprises: &[1916],
        says: &["ExtremeXOS", "XOS"],
        version_after: &["version "],
        model: Model::After(&["ExtremeXOS (", "Extreme Networks, Inc. "]),
    },
    Family {
        os: "IronWare",
        enterprises: &[1991],
        says: &["IronWare"],
        version_after: &["IronWare Version ", "Version "],
        model: Model::After(&[
            "Brocade Communications Systems, Inc. ",
            "Foundry Networks, Inc. ",
        ]),
    },
    Family {
        os: "FTOS",
        enterprises: &[6027],
        says: &["Force10", "Dell"],
        version_after: &[
            "Application Software Version: ",
            "Software Version: ",
            "Version: ",
        ],
        model: Model::After(&["Series: ", "System Type: "]),
    },
    Family {
        os: "Dell Networking OS6",
        enterprises: &[674],
        says: &[],
        version_after: &["Version: ", "version ", ", "],
        model: Model::Before(&[", "]),
    },
    Family {
        os: "ESXi",
        enterprises: &[6876],
        says: &["VMware ESX"],
        version_after: &["ESXi ", "ESX "],
        model: Model::None,
    },
    Family {
        os: "Windows",
        enterprises: &[311],
        says: &["Windows"],
        version_after: &["Windows Version ", "Version "],
        model: Model::None,
    },
    Family {
        os: "AOS",
        enterprises: &[318],
        says: &["APC Web/SNMP", "APC "],
        version_after: &["PF:v", "PF:", "MB:v"],
        model: Model::After(&["MN:", "MN: "]),
    },
    Family {
        os: "FreeBSD",
        enterprises: &[8072, 12325],
        says: &["FreeBSD"],
        version_after: &["FreeBSD "],
        model: Model::None,
    },
    Family {
        os: "SunOS",
        enterprises: &[],
        says: &["SunOS"],
        version_after: &["SunOS "],
        model: Model::None,
    },
    Family {
        os: "Linux",
        enterprises: &[8072, 2021],
        says: &["Linux "],
        version_after: &["Linux "],
        model: Model::None,
    },
    Family {
        os: "JETDIRECT",
        enterprises: &[11],
        says: &["JETDIRECT"],
        version_after: &["EEPROM "],
        model: Model::After(&["PID:"]),
    },
    Family {
        os: "Zyxel",
        enterprises: &[890],
        says: &[],
        version_after: &[],
        model: Model::First,
    },
    Family {
        os: "airOS",
        enterprises: &[41112],
        says: &[],
        version_after: &[],
        model: Model::First,
    },
    Family {
        os: "Synology DSM",
        enterprises: &[6574],
        says: &[],
        version_after: &[],
        model: Model::None,
    },
    Family {
        os: "Windows",
        enterprises: &[],
        says: &["Software: Windows"],
        version_after: &["Windows Version "],
        model: Model::None,
    },
    Family {
        os: "Linux",
        enterprises: &[],
        says: &["Linux "],
        version_after: &["Linux "],
        model: Model::None,
    },
];

//! What a browser says of itself. The user agent's text is read by the rules of Project Woothee, which come with the
//! program; names are told as Data Prep tells them (`iOS`, `Phone`).

use super::{Args, Builtin, Gives, builtin};
use crate::mapping::value::{Outcome, Value};
use woothee::parser::{Parser, WootheeResult};

pub(super) static ALL: &[Builtin] = &[
    builtin("ua_os_name", 1, 1, Gives::Text, |args| told(args, |agent| Some(agent.system.clone()))),
    builtin("ua_os_version", 1, 1, Gives::Text, |args| told(args, |agent| agent.system_version.clone())),
    builtin("ua_os_version_major", 1, 1, Gives::Text, |args| {
        told(args, |agent| Some(both(&agent.system, agent.system_version.as_deref().map(major))))
    }),
    builtin("ua_os_name_version", 1, 1, Gives::Text, |args| {
        told(args, |agent| Some(both(&agent.system, agent.system_version.as_deref())))
    }),
    builtin("ua_agent_name", 1, 1, Gives::Text, |args| told(args, |agent| Some(agent.program.clone()))),
    builtin("ua_agent_version", 1, 1, Gives::Text, |args| told(args, |agent| agent.program_version.clone())),
    builtin("ua_agent_version_major", 1, 1, Gives::Text, |args| {
        told(args, |agent| Some(both(&agent.program, agent.program_version.as_deref().map(major))))
    }),
    builtin("ua_device_class", 1, 1, Gives::Text, |args| told(args, |agent| Some(agent.device.to_string()))),
];

/// A text that is longer is cut before it is read: no browser says more.
const MAX_AGENT: usize = 2048;
const UNKNOWN: &str = "Unknown";

/// A user agent.
struct Agent {
    system: String,
    system_version: Option<String>,
    program: String,
    program_version: Option<String>,
    device: &'static str,
}

fn told<'a>(args: &Args<'a>, what: fn(&Agent) -> Option<String>) -> Outcome<'a> {
    let Some(text) = args.text(0)?.filter(|text| !text.trim().is_empty()) else {
        return Ok(Value::Null);
    };
    let text = &text[..text.floor_char_boundary(MAX_AGENT)];
    Ok(what(&Agent::of(text)).map_or(Value::Null, Value::owned))
}

impl Agent {
    fn of(text: &str) -> Agent {
        let found = Parser::new().parse(text);
        let known = |value: &str| Some(value.to_string()).filter(|value| !["", "UNKNOWN"].contains(&value.as_str()));
        let Some(found) = found else {
            let device = if text.to_ascii_lowercase().contains("bot") { "Robot" } else { UNKNOWN };
            return Agent {
                system: UNKNOWN.into(),
                system_version: None,
                program: UNKNOWN.into(),
                program_version: None,
                device,
            };
        };
        let (system, system_version) = system(&found);
        Agent {
            device: device(text, &found),
            system: known(&system).unwrap_or(UNKNOWN.into()),
            system_version: known(&system_version),
            program: known(found.name).unwrap_or(UNKNOWN.into()),
            program_version: known(found.version),
        }
    }
}

/// The operating system's name and version.
fn system(found: &WootheeResult<'_>) -> (String, String) {
    let version = found.os_version.to_string();
    match found.os {
        "iPhone" | "iPad" | "iPod" | "iOS" => ("iOS".into(), version),
        // Its own name has the version; what follows `NT` is the kernel's.
        os if os.starts_with("Windows ") && version.starts_with("NT ") => {
            let (name, version) = os.split_at("Windows".len());
            (name.into(), version.trim().into())
        }
        "Mac OSX" => ("Mac OS X".into(), version),
        os => (os.into(), version),
    }
}

/// The kind of device.
fn device(text: &str, found: &WootheeResult<'_>) -> &'static str {
    let says = |word: &str| text.contains(word);
    match found.category {
        "crawler" => "Robot",
        _ if says("SmartTV") || says("SMART-TV") || says("AppleTV") || says("BRAVIA") || says("Android TV") => "TV",
        "smartphone" if says("iPad") || says("Tablet") || (says("Android") && !says("Mobile")) => "Tablet",
        "smartphone" if says("Kindle") => "Tablet",
        "pc" if says("Tablet PC") => "Tablet",
        "smartphone" | "mobilephone" => "Phone",
        "pc" => "Desktop",
        "appliance" => "Game Console",
        _ if says("Mobile") => "Mobile",
        _ => UNKNOWN,
    }
}

fn major(version: &str) -> &str {
    version.split(['.', '_', ' ']).next().unwrap_or(version)
}

fn both(name: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{name} {version}"),
        None => name.to_string(),
    }
}

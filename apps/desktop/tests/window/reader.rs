use std::collections::HashMap;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::bus::{Bus, plain};
use crate::process::Process;
use crate::wait::{PATIENCE, until};

const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const ACTION: &str = "org.a11y.atspi.Action";
const EDITABLE: &str = "org.a11y.atspi.EditableText";

/// Reads the window and uses it as a screen reader does, over
/// [AT-SPI](https://gitlab.gnome.org/GNOME/at-spi2-core).
pub(crate) struct Reader<'a> {
    bus: Connection,
    window: &'a Process,
}

/// Something that the window shows.
#[derive(Clone)]
struct Node {
    owner: String,
    path: OwnedObjectPath,
    name: String,
    interfaces: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Tells the desktop that there is a screen reader, and joins its bus.
    pub(crate) fn start(session: &Bus, window: &'a Process) -> Self {
        let session = session.connection();
        let here = "/org/a11y/bus";
        let set = |property: &str| {
            session
                .call_method(
                    Some("org.a11y.Bus"),
                    here,
                    Some("org.freedesktop.DBus.Properties"),
                    "Set",
                    &("org.a11y.Status", property, Value::from(true)),
                )
                .unwrap();
        };
        set("IsEnabled");
        set("ScreenReaderEnabled");
        let address: String = session
            .call_method(
                Some("org.a11y.Bus"),
                here,
                Some("org.a11y.Bus"),
                "GetAddress",
                &(),
            )
            .unwrap()
            .body()
            .deserialize()
            .unwrap();
        let bus = Builder::address(&*address)
            .unwrap()
            .method_timeout(PATIENCE)
            .build()
            .unwrap();
        Self { bus, window }
    }

    /// Waits until the window shows this text.
    pub(crate) fn wait_for(&self, text: &str) {
        self.find(text, None);
    }

    /// Presses the button with this text, once it is there.
    pub(crate) fn press(&self, button: &str) {
        let node = self.find(button, Some(ACTION));
        let done = self.call(&node, ACTION, "DoAction", &(0_i32)).unwrap();
        assert!(done.body().deserialize::<bool>().unwrap(), "{button}");
    }

    /// Replaces what stands in the field with this label, and waits until it does.
    pub(crate) fn write(&self, label: &str, text: &str) {
        let node = self.find(label, Some(EDITABLE));
        let done = self
            .call(&node, EDITABLE, "SetTextContents", &(text))
            .unwrap();
        assert!(done.body().deserialize::<bool>().unwrap(), "{label}");
        until(&format!("`{text}` in {label}"), || {
            let length = text.chars().count();
            let range = (0, i32::try_from(length).unwrap());
            let read = self.call(&node, "org.a11y.atspi.Text", "GetText", &range)?;
            let read: String = read
                .body()
                .deserialize()
                .map_err(|error| error.to_string())?;
            if read == text { Ok(()) } else { Err(read) }
        });
    }

    /// Who is shopping, as the button says that lets somebody else in.
    pub(crate) fn user(&self) -> String {
        let nodes = self.nodes().unwrap();
        let mut buttons = nodes.iter().filter(|node| node.has(ACTION));
        let user = buttons.find(|node| node.name.matches('-').count() == 2);
        user.expect("a button with the user's id").name.clone()
    }

    fn find(&self, text: &str, interface: Option<&str>) -> Node {
        until(&format!("`{text}` in the window"), || {
            let nodes = self.nodes()?;
            let wanted = |node: &&Node| {
                node.name == text && interface.is_none_or(|interface| node.has(interface))
            };
            nodes.iter().find(wanted).cloned().ok_or_else(|| {
                let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
                format!("{}\n{}", names.join(" | "), self.window.output())
            })
        })
    }

    /// Everything that is shown now. An error when it changed while being read.
    fn nodes(&self) -> Result<Vec<Node>, String> {
        let registry = Node {
            owner: "org.a11y.atspi.Registry".into(),
            path: OwnedObjectPath::try_from("/org/a11y/atspi/accessible/root").unwrap(),
            name: String::new(),
            interfaces: vec![],
        };
        let mut nodes = vec![];
        let mut waiting = self.children(&registry)?;
        while let Some((owner, path)) = waiting.pop() {
            let mut node = Node {
                owner,
                path,
                name: String::new(),
                interfaces: vec![],
            };
            let properties = (ACCESSIBLE,);
            let read = self.call(
                &node,
                "org.freedesktop.DBus.Properties",
                "GetAll",
                &properties,
            )?;
            let read: HashMap<String, OwnedValue> = read
                .body()
                .deserialize()
                .map_err(|error| error.to_string())?;
            if let Some(Value::Str(name)) = read.get("Name").map(|name| &**name) {
                node.name = plain(name);
            }
            let interfaces = self.call(&node, ACCESSIBLE, "GetInterfaces", &())?;
            node.interfaces = interfaces
                .body()
                .deserialize()
                .map_err(|error| error.to_string())?;
            waiting.extend(self.children(&node)?);
            nodes.push(node);
        }
        Ok(nodes)
    }

    fn children(&self, node: &Node) -> Result<Vec<(String, OwnedObjectPath)>, String> {
        let answer = self.call(node, ACCESSIBLE, "GetChildren", &())?;
        answer
            .body()
            .deserialize()
            .map_err(|error| error.to_string())
    }

    fn call<B>(
        &self,
        node: &Node,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<zbus::Message, String>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let path = node.path.as_ref();
        let sent = self
            .bus
            .call_method(Some(&*node.owner), path, Some(interface), method, body);
        sent.map_err(|error| error.to_string())
    }
}

impl Node {
    fn has(&self, interface: &str) -> bool {
        self.interfaces.iter().any(|has| has == interface)
    }
}

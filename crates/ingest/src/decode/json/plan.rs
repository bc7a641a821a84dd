//! The asked paths as a tree, for a walk that descends into a document once. Each object node remembers which names
//! came at which place in the last document: most documents of a file are alike, so one comparison finds the child.

use forebay_model::mapping::ast::{FieldPath, Step};

/// Places that a node remembers, and the longest name it remembers.
const PLACES: usize = 256;
const NAME: usize = 64;

/// A step of some asked path.
#[derive(Default)]
pub(super) struct Node {
    /// The asked field that ends here.
    pub slot: Option<usize>,
    /// Named children.
    pub names: Vec<(Vec<u8>, usize)>,
    /// Elements.
    pub elements: Vec<(u64, usize)>,
    seen: Vec<(Vec<u8>, Option<usize>)>,
}

impl Node {
    pub fn is_leaf(&self) -> bool {
        self.names.is_empty() && self.elements.is_empty()
    }

    pub fn element(&self, index: u64) -> Option<usize> {
        self.elements.iter().find(|(at, _)| *at == index).map(|(_, child)| *child)
    }
}

/// The tree; node 0 is the document.
pub(super) struct Plan {
    pub nodes: Vec<Node>,
}

impl Plan {
    /// Slot i is for path i; no path is asked twice.
    pub fn new(paths: &[FieldPath]) -> Plan {
        let mut plan = Plan { nodes: vec![Node::default()] };
        for (slot, path) in paths.iter().enumerate() {
            let mut at = 0;
            for step in &path.0 {
                at = plan.descend(at, step);
            }
            plan.nodes[at].slot = Some(slot);
        }
        plan
    }

    fn descend(&mut self, at: usize, step: &Step) -> usize {
        let found = match step {
            Step::Name(name) => self.child(at, name.as_bytes()),
            Step::Index(index) => self.nodes[at].element(*index),
            // A scan is asked for the list itself: `FieldPath::read`.
            Step::Every => return at,
        };
        found.unwrap_or_else(|| {
            let child = self.nodes.len();
            self.nodes.push(Node::default());
            match step {
                Step::Name(name) => self.nodes[at].names.push((name.clone().into_bytes(), child)),
                Step::Index(index) => self.nodes[at].elements.push((*index, child)),
                Step::Every => {}
            }
            child
        })
    }

    /// The child of that name.
    pub fn child(&self, at: usize, name: &[u8]) -> Option<usize> {
        self.nodes[at].names.iter().find(|(other, _)| other == name).map(|(_, child)| *child)
    }

    /// The same, for the name that comes as the object's `place`-th.
    #[inline]
    pub fn child_at(&mut self, at: usize, place: usize, name: &[u8]) -> Option<usize> {
        if let Some((seen, child)) = self.nodes[at].seen.get(place)
            && seen == name
        {
            return *child;
        }
        let child = self.child(at, name);
        let seen = &mut self.nodes[at].seen;
        if name.len() <= NAME && place < PLACES && place <= seen.len() {
            let entry = (name.to_vec(), child);
            if place == seen.len() { seen.push(entry) } else { seen[place] = entry }
        }
        child
    }
}

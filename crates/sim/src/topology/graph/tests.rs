use super::*;

fn names(graph: &Graph) -> Vec<(&str, &str)> {
    let name = |node: usize| graph.nodes[node].as_str();
    let links = graph.links.iter();
    links.map(|link| (name(link.a), name(link.b))).collect()
}

#[test]
fn node_link_in_its_dialects() {
    let check = |text: &str| {
        let graph = Graph::parse(text.as_bytes()).unwrap();
        assert_eq!(graph.nodes, ["a", "b", "c"], "{text}");
        assert_eq!(names(&graph), [("a", "b"), ("b", "c")], "{text}");
    };
    check(r#"{"nodes": ["a", "b", "c"], "links": [{"a": "a", "b": "b"}, {"a": "b", "b": "c"}]}"#);
    check(
        r#"{"directed": false, "nodes": [{"id": 1, "label": "a"}, {"id": 2, "name": "b"}, {"id": 3, "label": "c"}],
            "edges": [{"source": 1, "target": 2}, {"from": 2, "to": 3}, {"from": 3, "to": 3}]}"#,
    );
    check(r#"{"nodes": ["a", "b", "c"], "edges": [["a", "b"], ["b", "c", 4]]}"#);
    let graph =
        r#"{"nodes": ["a", "b"], "links": [{"a": "a", "b": "b", "speed_mbps": 400, "weight": 7}]}"#;
    let graph = Graph::parse(graph.as_bytes()).unwrap();
    assert_eq!(
        (graph.links[0].speed_mbps, graph.links[0].cost),
        (Some(400), Some(7))
    );
}

#[test]
fn graphml_with_names_and_speeds() {
    let text = r#"<?xml version="1.0"?>
<!-- a comment with <tags> -->
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="label" attr.type="string" for="node" id="d1"/>
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d2"/>
  <graph edgedefault="undirected">
    <node id="0"><data key="d1">K&#246;ln &amp; Bonn</data></node>
    <node id="1"><data key="d1">Aachen</data></node>
    <node id='2'/>
    <edge source="0" target="1"><data key="d2">10000000000.0</data></edge>
    <edge id="e>1" source="1" target="2" />
  </graph>
</graphml>"#;
    let graph = Graph::parse(text.as_bytes()).unwrap();
    assert_eq!(graph.nodes, ["K--246-ln---Bonn", "Aachen", "2"]);
    assert_eq!(graph.links.len(), 2);
    assert_eq!(graph.links[0].speed_mbps, Some(10_000));
}

#[test]
fn what_is_wrong_is_told_by_place() {
    let check = |text: &str, expected: &str| {
        let told = Graph::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    };
    check("{\"nodes\": [\n1,}", "line 2: no JSON");
    check("[]", "an object with nodes and links");
    check("{}", "nodes: it is missing");
    check(r#"{"nodes": [], "links": []}"#, "nodes: there are none");
    check(r#"{"nodes": ["a"]}"#, "edges: it is missing");
    check(
        r#"{"nodes": ["a", {"x": 1}], "links": []}"#,
        "nodes[1]: it has no id",
    );
    check(
        r#"{"nodes": ["a", "a"], "links": []}"#,
        "nodes[1]: there are two nodes `a`",
    );
    check(
        r#"{"nodes": ["a"], "links": [{"a": "a", "b": "z"}]}"#,
        "links[0]: there is no node `z`",
    );
    check(
        r#"{"nodes": ["a"], "links": [{"a": "a"}]}"#,
        "links[0]: its ends are missing",
    );
    check(
        "<graphml>\n<graph>\n</graphml>",
        "line 3: </graphml> closes nothing",
    );
    check("<graphml><node/></graphml>", "a node without id");
    check("<graphml><graph", "a tag is not closed");
    check("<graphml>", "<graphml> is not closed");
    check(&"<a>".repeat(70), "too deep");
    assert!(Graph::parse(&[0xff, 0xfe]).is_err());
}

#[test]
fn names_are_told_apart() {
    let text = r#"{"nodes": [{"id": 1, "label": "x"}, {"id": 2, "label": "x"}, {"id": 3, "label": "x-1"}, {"id": 4, "label": "!"}], "links": []}"#;
    let graph = Graph::parse(text.as_bytes()).unwrap();
    assert_eq!(graph.nodes, ["x", "x-1", "x-1-2", "node"]);
}

#[test]
fn every_graph_of_the_shared_folder_becomes_a_network() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/eval/dev/topology");
    let Ok(files) = std::fs::read_dir(&folder) else {
        let skipped = format!("SKIPPED: {} is not there\n", folder.display());
        return std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes()).unwrap();
    };
    let mut read = 0;
    for file in files {
        let path = file.unwrap().path();
        let graph = Graph::load(&path).unwrap();
        let scenario = Scenario {
            topology: crate::scenario::Shape::Graph,
            graph: Some(path),
            ..Scenario::default()
        };
        let network = crate::Network::new(&scenario).unwrap();
        assert_eq!(network.devices().len(), graph.nodes.len());
        assert_eq!(network.links().len(), graph.links.len());
        read += 1;
    }
    assert!(read > 100, "{read}");
}

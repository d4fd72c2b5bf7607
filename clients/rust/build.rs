//! Generates the stubs from proto/ while the crate is built; no protoc is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let services = ["constraint", "project", "session"];
    let files = services.map(|name| format!("fenix/v1/{name}_service.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}

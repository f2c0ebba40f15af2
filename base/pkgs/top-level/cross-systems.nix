# The systems under `pkgsCross`, by nixpkgs' names for them: those that Debian
# releases an architecture for.
{
  gnu64.system = "x86_64-linux";
  aarch64-multiplatform.system = "aarch64-linux";
  armv7l-hf-multiplatform.system = "armv7l-linux";
  riscv64.system = "riscv64-linux";
}

# git.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.programs.git;
in
{
  options.programs.git = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether git is there.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.git;
      defaultText = lib.literalExpression "pkgs.git";
      description = "git.";
    };
    config = mkOption {
      type =
        let
          section = types.attrsOf (types.attrsOf types.anything);
        in
        types.coercedTo section lib.singleton (types.listOf section);
      default = [ ];
      example = {
        init.defaultBranch = "main";
      };
      description = "Settings of all users, in /etc/gitconfig; a list of sets keeps its order.";
    };
    prompt.enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether bash's prompt can say which branch is checked out, by `__git_ps1`.";
    };
    lfs = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether large files are kept out of repositories by git-lfs.";
      };
      package = mkOption {
        type = types.package;
        default = pkgs.git-lfs;
        defaultText = lib.literalExpression "pkgs.git-lfs";
        description = "git-lfs.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ] ++ lib.optional cfg.lfs.enable cfg.lfs.package;

    programs.git.config = lib.mkIf cfg.lfs.enable {
      "filter \"lfs\"" = {
        clean = "git-lfs clean -- %f";
        smudge = "git-lfs smudge -- %f";
        process = "git-lfs filter-process";
        required = true;
      };
    };

    environment.etc.gitconfig = lib.mkIf (cfg.config != [ ]) {
      text = lib.concatMapStringsSep "\n" lib.generators.toGitINI cfg.config;
    };

    programs.bash.promptInit = lib.mkIf cfg.prompt.enable (
      lib.mkAfter ''
        . /usr/lib/git-core/git-sh-prompt
      ''
    );
  };
}

# neovim.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.programs.neovim;

  flag =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };
in
{
  options.programs.neovim = {
    enable = flag false "Whether neovim is there.";
    package = mkOption {
      type = types.package;
      default = pkgs.neovim;
      defaultText = lib.literalExpression "pkgs.neovim";
      description = "neovim.";
    };
    defaultEditor = flag false "Whether programs call it when somebody is to edit something.";
    viAlias = flag false "Whether it is there under the name `vi` too.";
    vimAlias = flag false "Whether it is there under the name `vim` too.";
    withPython3 = flag true "Whether plugins in Python work.";
    withRuby = flag false "Whether plugins in Ruby work.";
    withNodeJs = flag false "Whether plugins in JavaScript work.";
    configure = mkOption {
      type = types.attrs;
      default = { };
      example = {
        customRC = "set number";
      };
      description = "Settings: `customRC` holds commands of vim, `customLuaRC` those in Lua. Packages of plugins are Debian's.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.debianPackages =
      lib.optional cfg.withPython3 "python3-pynvim" ++ lib.optional cfg.withRuby "ruby-neovim";

    environment.variables.EDITOR = lib.mkIf cfg.defaultEditor (lib.mkOverride 900 "nvim");

    environment.etc = {
      "xdg/nvim/sysinit.vim" = lib.mkIf (cfg.configure.customRC or "" != "" || cfg.configure.customLuaRC or "" != "") {
        text =
          (cfg.configure.customRC or "")
          + lib.optionalString (cfg.configure.customLuaRC or "" != "") ''

            lua << EOF
            ${cfg.configure.customLuaRC}
            EOF
          '';
      };
    };

    system.debian.usrEntries =
      lib.optional cfg.viAlias {
        path = "bin/vi";
        symlink = "nvim";
      }
      ++ lib.optional cfg.vimAlias {
        path = "bin/vim";
        symlink = "nvim";
      };

    assertions = [
      {
        assertion = removeAttrs cfg.configure [ "customRC" "customLuaRC" ] == { };
        message = "programs.neovim.configure: plugins come from Debian's packages on the Debian base; put them into environment.systemPackages.";
      }
      {
        assertion = !cfg.withNodeJs;
        message = "programs.neovim.withNodeJs: Debian does not have the package that it needs.";
      }
    ];
  };
}

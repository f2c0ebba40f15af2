[ x true ]
